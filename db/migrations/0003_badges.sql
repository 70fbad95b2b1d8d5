-- Badges as an operator needs them, corrections, and who changed what.

-- Texts are as short as the interface lets them be; what a charger sends is never kept here.
ALTER TABLE badge
    ADD COLUMN printed_number          text CHECK (length(printed_number) <= 200),
    ADD COLUMN email                   text CHECK (length(email) <= 200),
    ADD COLUMN cost_centre             text CHECK (length(cost_centre) <= 200),
    ADD COLUMN charge_point_groups     text[],
    -- Opening hours, such as 'Mo-Fr 07:00-19:00', in the time of the site.
    ADD COLUMN schedule                text CHECK (length(schedule) <= 500),
    ADD COLUMN monthly_energy_quota_wh bigint CHECK (monthly_energy_quota_wh >= 0),
    ADD COLUMN priority_class          integer CHECK (priority_class BETWEEN 0 AND 9),
    ADD COLUMN note                    text CHECK (length(note) <= 2000),
    ADD CONSTRAINT badge_validity CHECK (valid_from < valid_until) NOT VALID,
    ADD CONSTRAINT badge_charge_mode
        CHECK (charge_mode IN ('fast', 'fair', 'solar', 'off_peak')) NOT VALID;
CREATE INDEX badge_by_group ON badge (lower("group")) WHERE "group" IS NOT NULL;

-- What is set for all badges of a group (parentIdTag). A group can exist without a row here.
CREATE TABLE badge_group (
    name                    text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 20),
    label                   text CHECK (length(label) <= 200),
    cost_centre             text CHECK (length(cost_centre) <= 200),
    max_active_transactions integer CHECK (max_active_transactions >= 0),
    note                    text CHECK (length(note) <= 2000)
);
CREATE UNIQUE INDEX badge_group_key ON badge_group (lower(name));
CREATE TRIGGER notify_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON badge_group
    FOR EACH STATEMENT EXECUTE FUNCTION busbar_notify_change();

ALTER TABLE charge_point
    ADD COLUMN groups        text[],  -- that badges can be restricted to
    ADD COLUMN access        text NOT NULL DEFAULT 'badge' CHECK (access IN ('badge', 'free')),
    ADD COLUMN opening_hours text CHECK (length(opening_hours) <= 500);

-- Who charged, as it was known at the start: reports do not change when badges do.
ALTER TABLE transaction
    ADD COLUMN badge         text COLLATE "C",  -- the badge that id_tag was read for
    ADD COLUMN badge_group   text COLLATE "C",
    ADD COLUMN cost_centre   text,
    ADD COLUMN reconstructed boolean NOT NULL DEFAULT false,  -- only its stop arrived
    ADD COLUMN energy_wh     bigint CHECK (energy_wh >= 0),
    ADD COLUMN energy_source text,
    ADD CONSTRAINT energy_whole CHECK ((energy_wh IS NULL) = (energy_source IS NULL));
CREATE INDEX transaction_by_badge ON transaction ((left(lower(badge), 255)), id)
    WHERE badge IS NOT NULL;
CREATE INDEX transaction_by_stop ON transaction (stopped_at) WHERE stopped_at IS NOT NULL;

-- What an operator says instead of a charger. The charger's own words stay where they are, because
-- repeats are known by them.
CREATE TABLE transaction_correction (
    transaction    bigint PRIMARY KEY,
    badge          text COLLATE "C",
    meter_start_wh integer,
    meter_stop_wh  integer,
    started_at     timestamptz,
    stopped_at     timestamptz,
    energy_wh      bigint CHECK (energy_wh >= 0),
    note           text CHECK (length(note) <= 2000),
    corrected_at   timestamptz NOT NULL,
    corrected_by   text NOT NULL
);

-- Every change that a person or a program made, before and after. Nothing takes a line out again.
CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    action      text COLLATE "C" NOT NULL,
    object_kind text COLLATE "C" NOT NULL,
    object_id   text COLLATE "C" NOT NULL,
    before      json,
    after       json,
    note        text,
    CONSTRAINT audit_log_key UNIQUE (at, actor, action, object_kind, object_id)
);
CREATE INDEX audit_log_by_object ON audit_log (object_kind, object_id, id);

CREATE FUNCTION busbar_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$body$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION busbar_refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION busbar_refuse_change();

-- Transactions as they count: corrected where somebody has corrected them.
CREATE VIEW transaction_in_force AS
SELECT t.id, t.transaction_id, t.charge_point, t.connector_id, t.id_tag,
       coalesce(c.badge, t.badge, t.id_tag) AS badge, t.badge_group, t.cost_centre,
       coalesce(c.meter_start_wh, t.meter_start_wh) AS meter_start_wh,
       coalesce(c.started_at, t.started_at) AS started_at, t.received_at, t."authorization",
       coalesce(c.meter_stop_wh, t.meter_stop_wh) AS meter_stop_wh,
       coalesce(c.stopped_at, t.stopped_at) AS stopped_at, t.stop_received_at, t.stop_reason,
       t.stop_id_tag, t.estimated AND c.transaction IS NULL AS estimated, t.reconstructed,
       coalesce(c.energy_wh, t.energy_wh,
                greatest(0, t.meter_stop_wh::bigint - t.meter_start_wh)) AS energy_wh,
       CASE WHEN c.energy_wh IS NOT NULL THEN 'corrected'
            ELSE coalesce(t.energy_source, 'register') END AS energy_source,
       c.note, c.corrected_at, c.corrected_by
FROM transaction t LEFT JOIN transaction_correction c ON c.transaction = t.id;
