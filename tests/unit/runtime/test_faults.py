"""Which faults pass by themselves: an outage is retried, a wrong statement is not."""

import asyncpg
import pytest

from shared.runtime.database import is_transient


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.exceptions.DeadlockDetectedError("x"),
        asyncpg.exceptions.SerializationError("x"),
        asyncpg.exceptions.LockNotAvailableError("x"),
        asyncpg.exceptions.ReadOnlySQLTransactionError("x"),
        asyncpg.exceptions.AdminShutdownError("x"),
        asyncpg.exceptions.CannotConnectNowError("x"),
        asyncpg.exceptions.TooManyConnectionsError("x"),
        asyncpg.exceptions.DiskFullError("x"),
        asyncpg.exceptions.QueryCanceledError("x"),
        asyncpg.exceptions.ConnectionDoesNotExistError("x"),
        asyncpg.exceptions.InterfaceError("connection is closed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_outage_is_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        ValueError("x"),
        asyncpg.exceptions.UniqueViolationError("x"),
        asyncpg.exceptions.CheckViolationError("x"),
        asyncpg.exceptions.UndefinedTableError("x"),
        asyncpg.exceptions.NumericValueOutOfRangeError("x"),
        asyncpg.exceptions.UntranslatableCharacterError("x"),
        asyncpg.exceptions.DataError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_wrong_statement_or_value_is_not(error: Exception) -> None:
    assert not is_transient(error)
