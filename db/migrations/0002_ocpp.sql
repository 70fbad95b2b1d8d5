-- What the features of OCPP remember beyond transactions and settings.

-- State that is read as a whole at the start and lives in memory from then on: reservations,
-- operations under way, local lists, configurations, quirks and the like, each kind with a body of
-- its own. Kept as text (json, not jsonb): it comes back as it was written.
CREATE TABLE site_state (
    kind     text COLLATE "C" NOT NULL,
    key      text COLLATE "C" NOT NULL,
    body     json NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key)
);

-- SecurityEventNotification. A charger repeats it until it is answered: one row an event.
CREATE TABLE security_event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    charge_point text COLLATE "C" NOT NULL,
    type         text COLLATE "C" NOT NULL,
    tech_info    text,
    at           timestamptz NOT NULL,
    received_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX security_event_key ON security_event
    (charge_point, (left(type, 255)), at, (md5(coalesce(tech_info, ''))));
CREATE INDEX security_event_by_charge_point ON security_event (charge_point, id);

ALTER TABLE charge_point
    -- The lowest security profile it may connect with.
    ADD COLUMN security_profile integer NOT NULL DEFAULT 0
        CHECK (security_profile BETWEEN 0 AND 3),
    ADD COLUMN serial_number text,
    -- JSON: what this charger needs otherwise than its model.
    ADD COLUMN quirks text,
    -- Still accepted until the charger has connected with the new one.
    ADD COLUMN password_hash_previous text;

-- Every frame to and from the chargers, for a limited time. Busbar gives the ids: a batch whose
-- commit is in doubt is written again without becoming two.
CREATE TABLE message_log (
    id           bigint PRIMARY KEY,
    at           timestamptz NOT NULL,
    charge_point text COLLATE "C" NOT NULL,
    direction    text NOT NULL CHECK (direction IN ('in', 'out')),
    type         text NOT NULL CHECK (type IN ('CALL', 'CALLRESULT', 'CALLERROR', 'invalid')),
    action       text COLLATE "C" NOT NULL,
    message_id   text NOT NULL,
    payload      text NOT NULL,
    latency_ms   integer,
    violation    text,
    bytes        integer NOT NULL  -- about what the row occupies, for the retention by size
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX message_log_by_charge_point ON message_log (charge_point, id);
CREATE INDEX message_log_by_time ON message_log (at);
