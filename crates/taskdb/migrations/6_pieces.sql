-- Rows of a commit that is too large for one entry of the log, until its last piece is there.
CREATE TABLE pieces (place INTEGER NOT NULL, key BLOB NOT NULL, body BLOB, PRIMARY KEY (place, key)) WITHOUT ROWID;
