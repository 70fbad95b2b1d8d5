-- Meter samples by month, what is kept of them for ever, energy by quarter hour, and what the
-- maintenance (db/maintenance) needs to know its work.

-- What a charger sends for ever more must be cheap to get rid of: a month is dropped as a whole.
-- Times that no month was made for (a clock that stands in 1970) fall into the rest, `default`.
ALTER TABLE meter_sample RENAME TO meter_sample_before;
ALTER TABLE meter_sample_before RENAME CONSTRAINT meter_sample_key TO meter_sample_before_key;
ALTER INDEX meter_sample_by_transaction RENAME TO meter_sample_before_by_transaction;

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
) PARTITION BY RANGE (measured_at);
CREATE INDEX meter_sample_by_transaction ON meter_sample (transaction, measured_at)
    WHERE transaction IS NOT NULL;
CREATE TABLE meter_sample_default PARTITION OF meter_sample DEFAULT;
-- Its times mean nothing, so it is emptied by when a row came.
CREATE INDEX meter_sample_default_by_receipt ON meter_sample_default (received_at);

-- Makes the partition of the month (UTC) that a moment lies in, and moves what the rest holds of it
-- there. False if it is there already, or if more than `rows_max` rows would have to move while
-- everybody waits: they stay in the rest then.
CREATE FUNCTION busbar_add_sample_month(moment timestamptz, rows_max bigint) RETURNS boolean
LANGUAGE plpgsql AS $body$
DECLARE
    month_begin timestamptz := date_trunc('month', moment, 'UTC');
    month_end   timestamptz := (date_trunc('month', moment AT TIME ZONE 'UTC')
                                + interval '1 month') AT TIME ZONE 'UTC';
    part_name   text := 'meter_sample_' || to_char(moment AT TIME ZONE 'UTC', 'YYYY_MM');
    rows_there  bigint;
BEGIN
    IF to_regclass(part_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE meter_sample_default IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO rows_there
    FROM (SELECT FROM meter_sample_default
          WHERE measured_at >= month_begin AND measured_at < month_end LIMIT rows_max + 1) AS rest;
    IF rows_there > rows_max THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE meter_sample INCLUDING ALL)', part_name);
    EXECUTE format('WITH moved AS (DELETE FROM meter_sample_default
                                   WHERE measured_at >= $1 AND measured_at < $2 RETURNING *)
                    INSERT INTO %I SELECT * FROM moved', part_name) USING month_begin, month_end;
    EXECUTE format('ALTER TABLE meter_sample ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   part_name, month_begin, month_end);
    RETURN true;
END
$body$;

DO $body$
DECLARE
    month timestamptz;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', measured_at, 'UTC') FROM meter_sample_before
        WHERE measured_at BETWEEN now() - interval '10 years' AND now() + interval '2 months'
        UNION SELECT date_trunc('month', now(), 'UTC')
    LOOP
        PERFORM busbar_add_sample_month(month, 0);
    END LOOP;
END
$body$;
INSERT INTO meter_sample (charge_point, connector_id, transaction, measured_at, received_at,
                          context, measurand, phase, location, format, unit, value, number)
SELECT charge_point, connector_id, transaction, measured_at, received_at, context, measurand,
       phase, location, format, unit, value, number FROM meter_sample_before;
DROP TABLE meter_sample_before;

-- What becomes of samples: a row for a quarter of an hour (UTC), merged from all its samples.
-- transaction is absent for samples outside of one.
CREATE TABLE meter_quarter_hour (
    charge_point text COLLATE "C" NOT NULL,
    connector_id integer NOT NULL,
    quarter      timestamptz NOT NULL,
    measurand    text COLLATE "C" NOT NULL,
    phase        text COLLATE "C" NOT NULL,
    location     text COLLATE "C" NOT NULL,
    transaction  bigint,
    samples      bigint NOT NULL CHECK (samples > 0),
    min          double precision NOT NULL,
    avg          double precision NOT NULL,
    max          double precision NOT NULL,
    last         double precision NOT NULL,
    last_at      timestamptz NOT NULL,
    CONSTRAINT meter_quarter_hour_key UNIQUE NULLS NOT DISTINCT
        (charge_point, connector_id, quarter, measurand, phase, location, transaction)
);
CREATE INDEX meter_quarter_hour_by_transaction ON meter_quarter_hour (transaction, quarter)
    WHERE transaction IS NOT NULL;

-- Signed values: evidence for whoever is billed, kept word for word and for ever.
CREATE TABLE signed_meter_value (
    charge_point text COLLATE "C" NOT NULL,
    connector_id integer NOT NULL,
    transaction  bigint,
    measured_at  timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    context      text COLLATE "C" NOT NULL,
    measurand    text COLLATE "C" NOT NULL,
    phase        text COLLATE "C" NOT NULL,
    location     text COLLATE "C" NOT NULL,
    unit         text NOT NULL,
    value        text NOT NULL,
    CONSTRAINT signed_meter_value_key
        UNIQUE (charge_point, connector_id, measured_at, measurand, phase, context, location)
);
CREATE INDEX signed_meter_value_by_transaction ON signed_meter_value (transaction)
    WHERE transaction IS NOT NULL;

-- All that is kept of what was measured: samples, and what has become of older ones. Of a quarter
-- (context "Quarter") a register shows its last value, everything else its mean.
CREATE VIEW meter_value_kept AS
SELECT charge_point, connector_id, transaction, measured_at, received_at, context, measurand, phase,
       location, format, unit, value, number
FROM meter_sample
UNION ALL
SELECT charge_point, connector_id, transaction, measured_at, received_at, context, measurand, phase,
       location, 'SignedData', unit, value, NULL
FROM signed_meter_value
UNION ALL
SELECT charge_point, connector_id, transaction, last_at, last_at, 'Quarter', measurand, phase,
       location, 'Raw',
       CASE WHEN measurand LIKE 'Energy.Active%' THEN 'Wh'
            WHEN measurand LIKE 'Energy.Reactive%' THEN 'varh'
            WHEN measurand LIKE 'Power.Active%' THEN 'W'
            WHEN measurand LIKE 'Power.Reactive%' THEN 'var'
            WHEN measurand LIKE 'Current%' THEN 'A'
            WHEN measurand = 'Voltage' THEN 'V'
            WHEN measurand = 'SoC' THEN 'Percent' ELSE '' END,
       v.number::text, v.number
FROM meter_quarter_hour CROSS JOIN LATERAL (
    SELECT CASE WHEN measurand LIKE '%.Register' THEN last ELSE avg END AS number) v;

-- When the energy of an ended transaction was delivered: one number for each quarter of an hour
-- (UTC) from the first on. They add up to its energy in force.
CREATE TABLE transaction_energy (
    transaction   bigint PRIMARY KEY,
    first_quarter timestamptz NOT NULL,
    energy_wh     bigint[] NOT NULL CHECK (cardinality(energy_wh) > 0)
);
CREATE VIEW transaction_energy_quarter AS
SELECT e.transaction, e.first_quarter + (q.number - 1) * interval '15 minutes' AS quarter,
       q.energy_wh
FROM transaction_energy e CROSS JOIN LATERAL
     unnest(e.energy_wh) WITH ORDINALITY AS q (energy_wh, number);

-- Which stop and which correction transaction_energy was worked out for. What is due is in the
-- index of what is not there yet: whoever writes a stop or a correction need not think of it.
ALTER TABLE transaction ADD COLUMN quarters_of timestamptz;
CREATE INDEX transaction_quarters_due ON transaction (id)
    WHERE stop_received_at IS NOT NULL AND quarters_of IS DISTINCT FROM stop_received_at;
ALTER TABLE transaction_correction ADD COLUMN quarters_of timestamptz;
CREATE INDEX transaction_correction_quarters_due ON transaction_correction (transaction)
    WHERE quarters_of IS DISTINCT FROM corrected_at;
CREATE INDEX transaction_correction_by_stop ON transaction_correction (stopped_at)
    WHERE stopped_at IS NOT NULL;

-- A stop by another badge than the start's, for the day that one is erased.
CREATE INDEX transaction_by_stop_id_tag ON transaction ((left(lower(stop_id_tag), 255)))
    WHERE stop_id_tag IS NOT NULL AND lower(stop_id_tag) <> lower(id_tag);

-- As before, and with the end that was told: by that one transactions are found in an index.
CREATE OR REPLACE VIEW transaction_in_force AS
SELECT t.id, t.transaction_id, t.charge_point, t.connector_id, t.id_tag,
       coalesce(c.badge, t.badge, t.id_tag) AS badge, t.badge_group, t.cost_centre,
       coalesce(c.meter_start_wh, t.meter_start_wh) AS meter_start_wh,
       coalesce(c.started_at, t.started_at) AS started_at, t.received_at, t."authorization",
       coalesce(c.meter_stop_wh, t.meter_stop_wh) AS meter_stop_wh,
       coalesce(c.stopped_at, t.stopped_at) AS stopped_at, t.stop_received_at, t.stop_reason,
       t.stop_id_tag,
       t.estimated AND num_nonnulls(c.badge, c.meter_start_wh, c.meter_stop_wh, c.started_at,
                                    c.stopped_at, c.energy_wh) = 0 AS estimated,
       t.reconstructed,
       coalesce(c.energy_wh, t.energy_wh,
                greatest(0, t.meter_stop_wh::bigint - t.meter_start_wh)) AS energy_wh,
       CASE WHEN c.energy_wh IS NOT NULL THEN 'corrected'
            ELSE coalesce(t.energy_source, 'register') END AS energy_source,
       c.note, c.corrected_at, c.corrected_by, t.stopped_at AS told_stopped_at,
       num_nonnulls(c.badge, c.meter_start_wh, c.meter_stop_wh, c.started_at, c.stopped_at,
                    c.energy_wh) > 0 AS is_corrected
FROM transaction t LEFT JOIN transaction_correction c ON c.transaction = t.id;

-- What the message log must not name any longer. A row goes when the log has been read through.
CREATE TABLE badge_erasure (
    id_tag      text COLLATE "C" PRIMARY KEY,
    pseudonym   text NOT NULL,
    erased_at   timestamptz NOT NULL DEFAULT now(),
    scrubbed_to bigint NOT NULL DEFAULT 0  -- id of message_log
);

-- Append-only but for the retention: entries of more than a year go when somebody has set that they
-- may (docs/privacy.md).
CREATE OR REPLACE FUNCTION busbar_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
        IF current_setting('busbar.audit_retention', true) = 'on'
           AND OLD.at < now() - interval '1 year' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$body$;
