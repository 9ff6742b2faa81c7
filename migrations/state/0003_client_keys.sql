-- Clients that prove themselves by a key: their key set (RFC 7517), and the ids of what they signed until it has expired.

ALTER TABLE clients ADD COLUMN jwks TEXT;

CREATE TABLE assertions (
    client     TEXT   NOT NULL,
    hash       TEXT   NOT NULL, -- of the id
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (client, hash)
);
CREATE INDEX assertions_by_expiry ON assertions (expires_at);
