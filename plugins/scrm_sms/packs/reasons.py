"""Why a row is not in its pack (剔除原因), as data."""

from __future__ import annotations

REASONS = {
    "empty": "no number in the row 号码为空",
    "masked": "masked with stars; a mask fits many numbers 号码已脱敏",
    "lost_digits": "a spreadsheet replaced digits by an exponent 号码被表格截断",
    "several": "more than one number in the cell; write one per row 一格多个号码",
    "virtual": "a platform's virtual number, or one with an extension 虚拟号或分机号",
    "landline": "a landline takes no SMS 固定电话",
    "not_mobile": "not a mobile number (service or toll-free number) 非手机号",
    "foreign": "from another country, which this pack does not allow 境外号码",
    "invalid": "not a phone number 号码无效",
    "unreadable": "the row cannot be read 该行无法读取",
    "duplicate": "the same number as another row 重复号码",
    "same_person": "another number of the same contact stays 同一客户的另一号码",
    "erased": "a person who was erased must not come back 已删除的用户",
}
"""Every reason, with its sense in words."""
