-- Every start and every stop is entered in each index of its row, while its charger waits. Rows lie
-- in the order of their times, so that a summary of each megabyte finds a month as well as a tree
-- with an entry a row does, and costs a start and a stop nothing.

DROP INDEX transaction_by_start;
CREATE INDEX transaction_by_start ON transaction USING brin (started_at)
    WITH (autosummarize = on);

DROP INDEX transaction_by_stop;
CREATE INDEX transaction_by_stop ON transaction USING brin (stopped_at)
    WITH (autosummarize = on);
