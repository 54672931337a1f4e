-- What durable wrote at schema version 2 (application_id and user_version are not part of a dump).
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'durable','1_logs_leases_checkpoints_inbox','2026-11-21 04:56:46.310569+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'durable','2_due_runs_monotonic_leases','2026-11-21 07:53:30.724976+00:00');
CREATE TABLE "checkpoints" (
   "run" INTEGER NOT NULL REFERENCES "runs"("run"),
   "seq" INTEGER NOT NULL,
   "time" INTEGER NOT NULL,
   "digest" BLOB NOT NULL,
   "state" BLOB NOT NULL,
   PRIMARY KEY ("run", "seq")
) STRICT;
INSERT INTO "checkpoints" VALUES(2,2,1767225606000000,X'64646464646464646464646464646464',X'7374617465');
CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs (run),
  seq INTEGER NOT NULL,
  time INTEGER NOT NULL,
  type TEXT NOT NULL,
  task_id TEXT,
  attempt INTEGER NOT NULL DEFAULT 0,
  data TEXT,
  encoding TEXT,
  payload ANY,
  digest BLOB,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "events" VALUES(1,1,1767225600000000,'RunCreated',NULL,0,'{"format":1,"workflow":"flow","file":"flow.py","input":"abc"}',NULL,NULL,X'6DF6531344EA64E73EF372E183B4F3D9');
INSERT INTO "events" VALUES(1,2,1767225601000000,'TaskStarted','one',1,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(1,3,1767225602000000,'TaskSucceeded','one',1,NULL,'json','"a"',NULL);
INSERT INTO "events" VALUES(1,4,1767225603000000,'TaskStarted','two',1,NULL,NULL,NULL,X'1A19F3DF629A19E96F57966CD1526AE7');
INSERT INTO "events" VALUES(1,5,1767225604000000,'TaskFailed','two',1,'{"error":"ValueError: no"}','pickle',X'80044E2E',NULL);
INSERT INTO "events" VALUES(1,6,1767225605000000,'RunFailed',NULL,0,'{"error":"ValueError: no"}',NULL,NULL,X'9DAE8BFFFAC17EAE487651350001FC96');
INSERT INTO "events" VALUES(2,1,1767225605000000,'RunCreated',NULL,0,'{"format":1,"workflow":"flow","file":"flow.py","input":"abc"}',NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,2,1767225606000000,'TaskStarted','one',1,NULL,NULL,NULL,X'08651D2BFF44023E5BFBD4D0AC934AEF');
INSERT INTO "events" VALUES(2,3,1767225607000000,'TaskSucceeded','one',1,NULL,NULL,NULL,X'61A3FB8A7D1D79E0451F441452326D89');
CREATE TABLE "inbox" (
   "number" INTEGER PRIMARY KEY,
   "run" INTEGER NOT NULL REFERENCES "runs"("run"),
   "id" TEXT NOT NULL,
   "kind" TEXT NOT NULL,
   "data" TEXT NOT NULL,
   "time" INTEGER NOT NULL,
   "consumed" INTEGER
) STRICT;
INSERT INTO "inbox" VALUES(1,2,'seen','cancel','{}',1767225606000000,3);
INSERT INTO "inbox" VALUES(2,2,'waits','cancel','{}',1767225607000000,NULL);
CREATE TABLE leases (
  run_id TEXT PRIMARY KEY,
  token INTEGER NOT NULL,
  owner TEXT,
  pid INTEGER,
  host TEXT,
  expires INTEGER,
  file TEXT
, expires_monotonic INTEGER) STRICT, WITHOUT ROWID;
INSERT INTO "leases" VALUES('done',1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "leases" VALUES('half',1,'drive-2',4242,'elsewhere',1767225635000000,'4242-0000000000000000',NULL);
CREATE TABLE "runs" (
   "run" INTEGER PRIMARY KEY,
   "run_id" TEXT NOT NULL,
   "workflow" TEXT NOT NULL,
   "status" TEXT NOT NULL,
   "created" INTEGER NOT NULL,
   "file" TEXT,
   "input" TEXT
, due INTEGER) STRICT;
INSERT INTO "runs" VALUES(1,'done','flow','failed',1767225600000000,'flow.py','abc',NULL);
INSERT INTO "runs" VALUES(2,'half','flow','running',1767225605000000,'flow.py','abc',NULL);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX "idx_runs_run_id"
    ON "runs" ("run_id");
CREATE INDEX "idx_runs_status"
    ON "runs" ("status");
CREATE INDEX "idx_runs_workflow"
    ON "runs" ("workflow");
CREATE UNIQUE INDEX "idx_inbox_run_id"
    ON "inbox" ("run", "id");
CREATE INDEX inbox_waiting ON inbox (run) WHERE consumed IS NULL;
CREATE VIEW "group_status" AS SELECT run_id, group_id, status, retries, strftime('%Y-%m-%dT%H:%M:%S', started_us / 1000000, 'unixepoch') || printf('.%06dZ', started_us % 1000000) AS started,
  CASE WHEN status IN ('succeeded', 'failed', 'cancelled', 'skipped') THEN strftime('%Y-%m-%dT%H:%M:%S', last_us / 1000000, 'unixepoch') || printf('.%06dZ', last_us % 1000000) END AS ended,
  CASE WHEN status IN ('succeeded', 'failed', 'cancelled', 'skipped') AND last_us >= started_us THEN (last_us - started_us) / 1000000.0 END AS seconds,
  error,
  CASE WHEN json_valid(last_data) THEN last_data ->> '$.policy' END AS policy
FROM (
  SELECT s.run_id, s.subject AS group_id, CASE WHEN last.type = 'GroupStarted' THEN 'running'
    WHEN last.type = 'GroupSkipped' THEN 'skipped'
    WHEN last.type = 'GroupSucceeded' THEN 'succeeded'
    WHEN last.type = 'GroupFailed' THEN 'failed'
    WHEN last.type = 'GroupRetryRequested' THEN 'running'
    WHEN last.type = 'GroupCancelled' THEN 'cancelled'
    WHEN last.type = 'GroupReopened' AND (SELECT p.type FROM events p WHERE p.run = last.run AND p.task_id = last.task_id AND p.seq < last.seq AND p.type IN ('GroupCancelled', 'GroupFailed', 'GroupReopened', 'GroupRetryRequested', 'GroupSkipped', 'GroupStarted', 'GroupSucceeded') ORDER BY p.seq DESC LIMIT 1) IN ('GroupSkipped') THEN 'pending'
    WHEN last.type = 'GroupReopened' THEN 'running' ELSE 'pending' END AS status, s.counted AS retries,
    first.time AS started_us, last.time AS last_us, CASE WHEN json_valid(last.data) THEN last.data ->> '$.error' END AS error, last.data AS last_data
  FROM (
    SELECT r.run_id, e.run, e.task_id AS subject, max(e.seq) AS last_seq,
      max(CASE WHEN e.type = 'GroupStarted' THEN e.seq END) AS start_seq,
      sum(e.type = 'GroupRetryRequested') AS counted
    FROM runs r JOIN events e ON e.run = r.run
    WHERE e.type IN ('GroupCancelled', 'GroupFailed', 'GroupReopened', 'GroupRetryRequested', 'GroupSkipped', 'GroupStarted', 'GroupSucceeded') AND e.task_id IS NOT NULL
    GROUP BY r.run_id, e.task_id
  ) s
  JOIN events last ON last.run = s.run AND last.seq = s.last_seq
  LEFT JOIN events first ON first.run = s.run AND first.seq = s.start_seq
);
CREATE VIEW "timeline" AS SELECT r.run_id, e.seq, strftime('%Y-%m-%dT%H:%M:%S', e.time / 1000000, 'unixepoch') || printf('.%06dZ', e.time % 1000000) AS time, e.type, e.task_id, e.attempt, e.data, e.encoding,
  CASE WHEN e.encoding = 'json' THEN CAST(e.payload AS TEXT) END AS value,
  length(CAST(e.payload AS BLOB)) AS payload_size
FROM events e JOIN runs r ON r.run = e.run;
CREATE VIEW "run_status" AS SELECT r.run_id, r.workflow, r.status, strftime('%Y-%m-%dT%H:%M:%S', r.created / 1000000, 'unixepoch') || printf('.%06dZ', r.created % 1000000) AS created, strftime('%Y-%m-%dT%H:%M:%S', e.time / 1000000, 'unixepoch') || printf('.%06dZ', e.time % 1000000) AS updated,
  CASE WHEN r.status IN ('succeeded', 'failed', 'cancelled') THEN (e.time - r.created) / 1000000.0 END AS seconds,
  strftime('%Y-%m-%dT%H:%M:%S', r.due / 1000000, 'unixepoch') || printf('.%06dZ', r.due % 1000000) AS due, e.seq AS last_seq, r.file, l.owner AS driven_by, l.pid, l.host
FROM runs r
JOIN events e ON e.run = r.run AND e.seq = (SELECT max(seq) FROM events WHERE run = r.run)
LEFT JOIN leases l ON l.run_id = r.run_id;
CREATE VIEW "task_status" AS SELECT run_id, task_id, status, attempts, strftime('%Y-%m-%dT%H:%M:%S', started_us / 1000000, 'unixepoch') || printf('.%06dZ', started_us % 1000000) AS started,
  CASE WHEN status IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'skipped') THEN strftime('%Y-%m-%dT%H:%M:%S', last_us / 1000000, 'unixepoch') || printf('.%06dZ', last_us % 1000000) END AS ended,
  CASE WHEN status IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'skipped') AND last_us >= started_us THEN (last_us - started_us) / 1000000.0 END AS seconds,
  error
FROM (
  SELECT s.run_id, s.subject AS task_id, CASE WHEN last.type = 'TaskStarted' THEN 'running'
    WHEN last.type = 'TaskSkipped' THEN 'skipped'
    WHEN last.type = 'TaskTimedOut' THEN 'timed_out'
    WHEN last.type = 'TaskFailed' THEN 'failed'
    WHEN last.type = 'TaskCancelled' THEN 'cancelled'
    WHEN last.type = 'TaskSucceeded' THEN 'succeeded'
    WHEN last.type = 'TaskIterated' THEN 'pending'
    WHEN last.type = 'TaskSuspended' THEN 'suspended'
    WHEN last.type = 'TaskRetryScheduled' THEN 'waiting'
    WHEN last.type = 'TaskInterrupted' THEN 'interrupted'
    WHEN last.type = 'TaskReopened' THEN 'pending' ELSE 'pending' END AS status, s.counted AS attempts,
    first.time AS started_us, last.time AS last_us, CASE WHEN json_valid(last.data) THEN last.data ->> '$.error' END AS error, last.data AS last_data
  FROM (
    SELECT r.run_id, e.run, e.task_id AS subject, max(e.seq) AS last_seq,
      max(CASE WHEN e.type = 'TaskStarted' THEN e.seq END) AS start_seq,
      sum(e.type = 'TaskStarted') AS counted
    FROM runs r JOIN events e ON e.run = r.run
    WHERE e.type IN ('TaskCancelled', 'TaskFailed', 'TaskInterrupted', 'TaskIterated', 'TaskReopened', 'TaskRetryScheduled', 'TaskSkipped', 'TaskStarted', 'TaskSucceeded', 'TaskSuspended', 'TaskTimedOut') AND e.task_id IS NOT NULL
    GROUP BY r.run_id, e.task_id
  ) s
  JOIN events last ON last.run = s.run AND last.seq = s.last_seq
  LEFT JOIN events first ON first.run = s.run AND first.seq = s.start_seq
);
COMMIT;
