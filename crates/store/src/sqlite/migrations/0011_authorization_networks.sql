-- Where a request that waits came from: a network that asks for too much is refused, and the fullest surroundings make room.
-- Requests of before count for one network without a name; they are over within ten minutes.
ALTER TABLE authorization_requests ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE authorization_requests ADD COLUMN neighbourhood TEXT NOT NULL DEFAULT '';

CREATE INDEX authorization_requests_by_network ON authorization_requests (network, expires_at);
