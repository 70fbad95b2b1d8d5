-- Who pays goes with the badge: where a badge is corrected, the group and the cost centre are those
-- of the badge that counts, as they were when that was said.

ALTER TABLE transaction_correction
    ADD COLUMN badge_group text COLLATE "C",
    ADD COLUMN cost_centre text;

UPDATE transaction_correction c
SET badge_group = b."group", cost_centre = coalesce(b.cost_centre, g.cost_centre)
FROM badge b LEFT JOIN badge_group g ON lower(g.name) = lower(b."group")
WHERE lower(b.id_tag) = lower(c.badge);

-- Another name alone, of a badge that is erased, is no badge: it changes nothing of who pays.
CREATE FUNCTION busbar_correction_owner() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    owner record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.badge IS NOT DISTINCT FROM OLD.badge THEN
            RETURN NEW;
        END IF;
    END IF;
    SELECT b."group", coalesce(b.cost_centre, g.cost_centre) AS cost_centre INTO owner
    FROM badge b LEFT JOIN badge_group g ON lower(g.name) = lower(b."group")
    WHERE lower(b.id_tag) = lower(NEW.badge);
    IF FOUND OR NEW.badge IS NULL THEN
        NEW.badge_group := owner."group";
        NEW.cost_centre := owner.cost_centre;
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER correction_owner BEFORE INSERT OR UPDATE ON transaction_correction
    FOR EACH ROW EXECUTE FUNCTION busbar_correction_owner();

-- As before, but for the two.
CREATE OR REPLACE VIEW transaction_in_force AS
SELECT t.id, t.transaction_id, t.charge_point, t.connector_id, t.id_tag,
       coalesce(c.badge, t.badge, t.id_tag) AS badge,
       CASE WHEN c.badge IS NULL THEN t.badge_group ELSE c.badge_group END AS badge_group,
       CASE WHEN c.badge IS NULL THEN t.cost_centre ELSE c.cost_centre END AS cost_centre,
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
