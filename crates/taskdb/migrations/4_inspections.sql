-- What inspections found, apart from the rows of the jobs: it is large, never changes, and those do.
CREATE TABLE inspections (key BLOB NOT NULL PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
