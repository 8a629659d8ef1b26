"""When and where a line of a log was written: time, log stream and log group, as columns."""

import polars as pl

STAMP = (
    r"([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:[.,]([0-9]{1,9}))?[ ]?(Z|[+-][0-9]{2}:?[0-9]{2}\b)?"
)
EPOCH = r"(?:^|\s|[|,;\"'])([0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})(?:\.[0-9]+)?(?:$|\s|[|,;\"'])"
STREAM = r"([0-9]{4}/[0-9]{2}/[0-9]{2}/[^\s\[\]|\",']*\[[^\]\s]+\][^\s\"|,;']*)"
GROUP = r"(/aws/lambda/[\w-]+)"
UUID = r"\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b"

_TIME = pl.Datetime("us")


def read_times(texts: pl.Series, epochs: pl.Series | None = None) -> pl.Series:
    """Times without zone (UTC) in texts: ISO with any offset, or epoch in s, ms, us or ns.

    What names no zone is UTC, as Lambda's own times are. `epochs` stand in where a text has none.
    """
    if texts.is_null().all() and (epochs is None or epochs.is_null().all()):
        return pl.Series(texts.name, [None], _TIME).new_from_index(0, len(texts))
    lambdas_own = texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="us", strict=False)
    if not lambdas_own.has_nulls():
        return lambdas_own
    parts = texts.str.extract_groups(STAMP).struct.unnest()
    parts.columns = ["year", "month", "day", "clock", "fraction", "zone"]
    digits = texts.str.extract(EPOCH)
    if epochs is not None:
        digits = digits.zip_with(epochs.is_null(), epochs)
    # A log stream's name begins with a date, but no time of day follows it.
    return (
        parts.with_columns(digits=digits)
        .select(pl.coalesce(_iso(), _epoch()).alias(texts.name))
        .to_series()
    )


def _iso() -> pl.Expr:
    date = pl.concat_str([pl.col("year"), pl.col("month"), pl.col("day")], separator="-")
    moment = pl.concat_str([date, pl.col("clock")], separator=" ")
    fraction = pl.col("fraction").str.pad_end(6, "0").str.head(6).cast(pl.Int64)
    zone = pl.col("zone").str.replace(":", "", literal=True)
    hours, minutes = zone.str.slice(1, 2), zone.str.slice(3, 2)
    away = hours.cast(pl.Int64, strict=False) * 60 + minutes.cast(pl.Int64, strict=False)
    minutes_east = pl.when(zone.str.starts_with("-")).then(-away).otherwise(away)
    return (
        moment.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
        + pl.duration(microseconds=fraction.fill_null(0), time_unit="us")
        - pl.duration(minutes=minutes_east.fill_null(0), time_unit="us")
    )


def _epoch() -> pl.Expr:
    digits = pl.col("digits")
    number = digits.cast(pl.Int64, strict=False)
    exponent = digits.str.len_bytes()
    microseconds = (
        pl.when(exponent == 10).then(number * 1_000_000)
        .when(exponent == 13).then(number * 1_000)
        .when(exponent == 16).then(number)
        .otherwise(number // 1_000)
    )  # fmt: skip
    return microseconds.cast(_TIME)


def stream_in(text: str) -> pl.Expr:
    """The log stream that is said beside each row, or that `text` names; null without one."""
    return pl.coalesce("about_stream", pl.col(text).str.extract(STREAM))


def group_in(text: str) -> pl.Expr:
    """The log group that is said beside each row, or that `text` names; null without one."""
    return pl.coalesce("about_group", pl.col(text).str.extract(GROUP))
