"""What people call the columns of ids and statuses, and the statuses themselves, in both languages. Pure."""

from __future__ import annotations

from importer.headings import fold
from importer.operations import STATUSES
from importer.templates import Field

APPLICATION_ID = Field(
    name="application_id",
    title="Mã hồ sơ",
    kind="customer_id",
    synonyms=(
        *("application", "application no", "application number", "lead id", "id application"),
        *("id hồ sơ", "mã đơn", "mã đơn đăng ký", "mã đăng ký", "mã application", "số hồ sơ", "mã hồ sơ vay"),
    ),
)
STATUS = Field(
    name="status",
    title="Trạng thái",
    synonyms=(
        *("new status", "application status", "trạng thái mới", "trạng thái hồ sơ", "tình trạng"),
        *("tình trạng hồ sơ", "kết quả hồ sơ"),
    ),
)

STATUS_WORDS = {
    **{fold(status): status for status in STATUSES},
    **dict.fromkeys(map(fold, ("mới", "mới tạo", "hồ sơ mới")), "new"),
    **dict.fromkeys(map(fold, ("giải ngân", "đã giải ngân", "được giải ngân")), "disbursed"),
    **dict.fromkeys(map(fold, ("từ chối", "đã từ chối", "bị từ chối", "reject")), "rejected"),
}
"""What people write for each status, folded."""
