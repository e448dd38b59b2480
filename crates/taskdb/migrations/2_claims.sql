-- Bad result claims of users.
CREATE TABLE claims (key BLOB NOT NULL PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
