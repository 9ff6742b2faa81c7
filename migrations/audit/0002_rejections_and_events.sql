-- Requests without a verified credential, counted by hour (microseconds since 1970), reason and address; `address` is
-- `other` for those beyond the number of addresses that one hour may have.
CREATE TABLE rejections (
    hour    BIGINT NOT NULL,
    reason  TEXT   NOT NULL,
    address TEXT   NOT NULL,
    count   BIGINT NOT NULL,
    PRIMARY KEY (hour, reason, address)
);

-- What happened to the server itself: policy reloaded or refused, audit recovered.
CREATE TABLE events (
    written BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    kind    TEXT   NOT NULL,
    detail  TEXT   NOT NULL
);
