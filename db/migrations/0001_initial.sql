-- The rows of db/rows.hpp. Constraints carry the rules; what a charger may send (idTags, units,
-- reasons, values) is text without a bound, so that no message can make a whole batch fail.
-- idTags and ids compare bytewise, and idTags without regard to ASCII case (OCPP 1.6, CiString):
-- COLLATE "C" keeps that independent of the locale of the database.

-- Where the journal stands: the sequence of the last unit written, changed in the transaction that
-- writes the unit. `identity` tells a spill whether these sequences are those it was written for.
CREATE TABLE journal_position (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    sequence bigint NOT NULL,
    -- The highest transaction id ever answered: a row may be missing, its id is never used again.
    transaction_id_max bigint NOT NULL DEFAULT 0,
    identity uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO journal_position (sequence) VALUES (0);

-- Units that PostgreSQL refused for what is in them, as JSON: for a person to look at.
CREATE TABLE quarantine (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sequence bigint NOT NULL,
    records  text NOT NULL,
    error    text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE charge_point (
    id            text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 48),
    state         text NOT NULL CHECK (state IN ('pending', 'accepted', 'rejected')),
    label         text,
    location      text,
    password_hash text,
    validation    text NOT NULL DEFAULT 'lenient' CHECK (validation IN ('lenient', 'strict')),
    assume_ocpp16 boolean NOT NULL DEFAULT false,
    max_milliamps integer NOT NULL DEFAULT 32000 CHECK (max_milliamps >= 0),
    phase_map     text NOT NULL DEFAULT 'RST' CHECK (length(phase_map) BETWEEN 1 AND 16)
);

-- The last BootNotification; apart from charge_point because that one notifies.
CREATE TABLE charge_point_boot (
    charge_point     text COLLATE "C" PRIMARY KEY,
    vendor           text NOT NULL,
    model            text NOT NULL,
    serial_number    text,
    firmware_version text,
    at               timestamptz NOT NULL
);

CREATE TABLE connector_status (
    charge_point      text COLLATE "C" NOT NULL,
    connector_id      integer NOT NULL CHECK (connector_id >= 0),
    status            text NOT NULL,
    error_code        text NOT NULL,
    info              text,
    vendor_error_code text,
    at                timestamptz NOT NULL,
    received_at       timestamptz NOT NULL,
    PRIMARY KEY (charge_point, connector_id)
);

CREATE TABLE transaction (
    id               bigint PRIMARY KEY,
    transaction_id   integer NOT NULL,
    charge_point     text COLLATE "C" NOT NULL,
    connector_id     integer NOT NULL CHECK (connector_id >= 0),
    id_tag           text COLLATE "C" NOT NULL,
    meter_start_wh   integer NOT NULL,
    started_at       timestamptz NOT NULL,
    received_at      timestamptz NOT NULL,
    -- The time of receipt where started_at cannot be believed: whoever answered the start has
    -- decided that it is no repeat.
    start_received   timestamptz NOT NULL DEFAULT '-infinity',
    "authorization"  text NOT NULL,
    meter_stop_wh    integer,
    stopped_at       timestamptz,
    stop_received_at timestamptz,
    stop_reason      text,
    stop_id_tag      text COLLATE "C",
    estimated        boolean NOT NULL DEFAULT false,
    CONSTRAINT stop_whole CHECK (num_nulls(meter_stop_wh, stopped_at, stop_received_at, stop_reason)
                                 IN (0, 4)),
    CONSTRAINT estimated_stop CHECK (stopped_at IS NOT NULL OR NOT estimated)
);
-- One row a start, however often it is sent. left() keeps the key within what an index can hold.
CREATE UNIQUE INDEX transaction_start_key ON transaction
    (charge_point, connector_id, (left(lower(id_tag), 255)), started_at, meter_start_wh,
     start_received);
CREATE INDEX transaction_open ON transaction (charge_point) WHERE stopped_at IS NULL;
CREATE INDEX transaction_by_charge_point ON transaction (charge_point, id);
CREATE INDEX transaction_by_id_tag ON transaction ((left(lower(id_tag), 255)), id);
CREATE INDEX transaction_by_start ON transaction (started_at);

CREATE TABLE orphan_stop (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    charge_point   text COLLATE "C" NOT NULL,
    transaction_id integer NOT NULL,
    meter_stop_wh  integer NOT NULL,
    stopped_at     timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    reason         text NOT NULL,
    id_tag         text COLLATE "C",
    CONSTRAINT orphan_stop_key UNIQUE (charge_point, transaction_id, stopped_at, meter_stop_wh)
);

-- transaction is no foreign key: a sample is worth keeping whatever became of its start.
CREATE TABLE meter_sample (
    charge_point text COLLATE "C" NOT NULL,
    connector_id integer NOT NULL CHECK (connector_id >= 0),
    transaction  bigint,
    measured_at  timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    context      text COLLATE "C" NOT NULL,
    measurand    text COLLATE "C" NOT NULL,
    phase        text COLLATE "C" NOT NULL,
    location     text COLLATE "C" NOT NULL,
    format       text COLLATE "C" NOT NULL DEFAULT 'Raw',
    unit         text NOT NULL,
    value        text NOT NULL,
    number       double precision,
    CONSTRAINT meter_sample_key
        UNIQUE (charge_point, connector_id, measured_at, measurand, phase, context, location,
                format)
);
CREATE INDEX meter_sample_by_transaction ON meter_sample (transaction, measured_at)
    WHERE transaction IS NOT NULL;

CREATE TABLE limit_command (
    sequence        bigint PRIMARY KEY,
    charge_point    text COLLATE "C" NOT NULL,
    connector_id    integer NOT NULL CHECK (connector_id >= 0),
    limit_milliamps integer NOT NULL,
    safe_milliamps  integer NOT NULL,
    sent_at         timestamptz NOT NULL,
    lease_end       timestamptz NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('lowering', 'raise', 'renewal')),
    reason          text NOT NULL,
    answer          text,
    answered_at     timestamptz,
    CONSTRAINT answer_whole CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE INDEX limit_command_by_connector ON limit_command (charge_point, connector_id, sequence);

CREATE TABLE badge (
    id_tag                  text COLLATE "C" NOT NULL CHECK (length(id_tag) BETWEEN 1 AND 20),
    label                   text,
    holder                  text,
    status                  text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
    valid_from              timestamptz,
    valid_until             timestamptz,
    "group"                 text,
    charge_points           text[],
    charge_mode             text,
    max_active_transactions integer NOT NULL DEFAULT 1 CHECK (max_active_transactions >= 0)
);
CREATE UNIQUE INDEX badge_key ON badge (lower(id_tag));

CREATE TABLE api_token (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    role         text NOT NULL CHECK (role IN ('admin', 'installer', 'operator', 'viewer')),
    secret_hash  text NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    revoked_at   timestamptz,
    last_used_at timestamptz
);

-- Whoever changes these tables, a running Busbar hears of it and reads them again.
CREATE FUNCTION busbar_notify_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM pg_notify('busbar_change', TG_TABLE_NAME);
    RETURN NULL;
END
$body$;
CREATE TRIGGER notify_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON badge
    FOR EACH STATEMENT EXECUTE FUNCTION busbar_notify_change();
CREATE TRIGGER notify_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON charge_point
    FOR EACH STATEMENT EXECUTE FUNCTION busbar_notify_change();
CREATE TRIGGER notify_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON api_token
    FOR EACH STATEMENT EXECUTE FUNCTION busbar_notify_change();
