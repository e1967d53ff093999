-- A trace goes from lot to lot by the batches that used it; what was sold of a lot is no step of that way.
CREATE INDEX lot_movements_of_materials ON lot_movements (lot_id, reference_id)
    WHERE type IN ('material_issue', 'material_return');
