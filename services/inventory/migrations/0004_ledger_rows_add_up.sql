-- A ledger row moves the level that its type is about by its quantity, and none below nothing.
ALTER TABLE ledger
    ADD CONSTRAINT ledger_row_moves_what_its_type_says CHECK (quantity = CASE
        WHEN type IN ('reserve', 'release', 'expire', 'take_back') THEN new_reserved - previous_reserved
        WHEN type IN ('hold', 'unhold') THEN new_held - previous_held
        ELSE new_current - previous_current END) NOT VALID,
    ADD CONSTRAINT ledger_row_moves_something CHECK (quantity <> 0) NOT VALID,
    ADD CONSTRAINT ledger_levels_are_not_negative CHECK (LEAST(new_current, new_reserved, new_held) >= 0) NOT VALID;
