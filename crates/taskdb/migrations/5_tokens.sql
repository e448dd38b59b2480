-- Tokens with which people and programs ask; of each only a hash of its secret.
CREATE TABLE tokens (key BLOB NOT NULL PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
