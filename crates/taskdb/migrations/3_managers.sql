-- Managers of the cluster: who they are and how they are reached.
CREATE TABLE managers (key BLOB NOT NULL PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
