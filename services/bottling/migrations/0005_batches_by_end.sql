-- Figures are of the batches that ended in a window.
CREATE INDEX batches_by_end ON batches (ended_at) WHERE status IN ('completed', 'failed');
