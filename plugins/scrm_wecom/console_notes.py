"""What WeCom answered and what the job wrote down of it (notes), in Chinese; they are kept in English.

What is not known here stands as it was written, as what it is: somebody else's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .links import ELSEWHERE, OVER

CODES_ZH = {
    -1: "企业微信繁忙，将自动重试",
    6000: "数据同时被他人修改，将自动重试",
    40001: "Secret（密钥）错误、已重置或应用已停用，请重新设置 secret",
    40003: "没有这个成员，请在企业微信后台核对 userid",
    40004: "文件类型不支持：图片为 JPEG 或 PNG，视频为 MP4",
    40006: "文件过大或过小",
    40007: "素材不存在或已过期，请使用本系统保存的文件",
    40013: "企业 ID 错误，请在企业微信后台“我的企业”核对 corp_id",
    40014: "访问令牌失效，将自动更新",
    40033: "请求中有企业微信不接受的字符，请检查文字",
    40050: "没有这个客户群，无需处理",
    40056: "应用不存在，请核对 AgentId",
    40058: "参数有误，请检查发送的内容",
    40063: "参数为空，请检查发送的内容",
    40068: "标签或标签组不存在，将重新读取标签",
    40071: "同名标签已存在，将重新读取标签",
    40072: "标签名过长，最多 30 字",
    40091: "Secret 属于其他企业，请使用同一企业的 corp_id 和 secret",
    40096: "不是本企业的客户，无需处理",
    40098: "成员未实名认证，请本人在企业微信中认证",
    40099: "成员的客户数已满，请将其移出活码",
    40126: "企业标签数已达上限，请在企业微信后台删除部分标签",
    41001: "缺少访问令牌，请联系插件作者",
    41035: "缺少客户，请联系插件作者",
    41037: "联系我缺少类型，请检查发送的内容",
    41038: "联系我缺少场景，请检查发送的内容",
    41039: "联系我类型有误，请检查发送的内容",
    41040: "联系我场景有误，请检查发送的内容",
    41041: "联系我成员过多，最多 100 人",
    41042: "联系我样式有误，请检查发送的内容",
    41043: "缺少联系我的编号，请联系插件作者",
    41044: "联系我不存在，已在企业微信中被删除",
    41045: "联系我数量已达上限，请删除不用的",
    41048: "没有可发送的对象，无需处理",
    41049: "缺少欢迎语凭证，请联系插件作者",
    41050: "欢迎语凭证已过期：须在 20 秒内发送",
    41051: "已有其他应用发送欢迎语，或已开始聊天；请只用一个应用发送",
    41052: "欢迎语参数有误，请检查发送的内容",
    41053: "客户未同意会话存档，无需处理",
    41054: "成员未激活或未实名，请登录企业微信",
    41055: "入群欢迎语数量已达上限，请删除不用的",
    41063: "正在派发，稍后再查询",
    41064: "附件过多，最多 9 个",
    41065: "附件类型不能用在此处",
    41072: "素材用途不符，请按此用途上传",
    41078: "等待的任务过多，稍后再试",
    41079: "正在派发，稍后再查询",
    41080: "附件过大",
    41081: "图片或视频分辨率过高，请缩小",
    41082: "视频过长，请缩短",
    41093: "群发已被取消",
    41094: "24 小时内已提醒员工三次，请隔天再提醒",
    41095: "获客链接数量已达上限，请删除不用的",
    41096: "其他应用正在发送欢迎语，请只用一个应用发送",
    42001: "访问令牌已过期，将自动更新",
    45009: "调用次数超过企业微信限制，暂停一段时间",
    45033: "并发调用过多，将自动重试；仍出现请调低 at_once",
    48002: "应用没有该接口的权限，请在企业微信后台“API 权限”开通",
    49008: "客户群已解散，无需处理",
    50002: "成员不在应用可见范围内，请在企业微信后台调整可见范围",
    50003: "应用已停用，请在企业微信后台启用",
    60011: "成员不在应用可见范围内，请在企业微信后台调整可见范围",
    60020: "本机 IP 不在可信列表，请在企业微信后台“企业可信 IP”添加",
    60030: "应用没有权限，请在企业微信后台调整可见范围",
    60111: "没有这个成员，请在企业微信后台核对 userid",
    81017: "一次查询的数据过多，请按成员查询客户群",
    84061: "成员与客户不是好友，关系已结束",
    84074: "没有客户联系权限，请在企业微信后台开通“客户联系”",
    84084: "成员没有该客户，关系已结束",
    301002: "成员不在应用可见范围内，请在企业微信后台调整可见范围",
}
"""What :data:`.client.codes.CODES` says, and what to do."""

_WHOLE = {
    OVER: "活动已结束",
    ELSEWHERE: "已在企业微信中被删除；请重建，或也在此删除",
    "deleted in WeCom's console; make it anew, or delete it here too": "已在企业微信后台被删除；请重建，或也在此删除",
    "WeCom took it out of use; see its members and the console's 获客助手": "已被企业微信停用；请核对后台“获客助手”",
    "it was not made; it is made now": "尚未创建成功，正在重新创建",
    "WeCom answered no address for it": "企业微信没有返回链接地址",
    "no link of ours": "不是本系统的链接",
    "its files were uploaded anew": "素材已重新上传",
    "interrupted": "处理被中断，结果未知",
    "today has all its moments": "今天的朋友圈已达上限，将改日发起",
    "WeCom told of no end": "企业微信没有返回结果",
    "others write the same relations at this moment": "其他任务正在写入相同的关系",
}

_NOTE = "(?P<note>.*)"
_TAKEN = r", none was (?:ever taken|taken since (?P<since>\S+)): .*"
_PATTERNS: tuple[tuple[str, str], ...] = (
    # Errors of calls
    (r"WeCom has several links called .*", "企业微信中有多个同名链接，请在后台核对"),
    (r"WeCom made no task of it \((?P<code>-?\d+)\)", "企业微信没有建立任务（{code}）"),
    (r"\S+: no connection to WeCom \((?P<what>\w+)\)", "无法连接企业微信（{what}）"),
    (r"\S+: no whole answer of WeCom \((?P<what>\w+)\)", "企业微信的响应不完整，结果未知（{what}）"),
    (r"\S+: WeCom asked to be left alone \(45009\)", "调用过多，企业微信要求暂停（45009）"),
    (r"\S+: called as often as WeCom allows in a minute", "本分钟的调用次数已达企业微信上限"),
    (r"\S+: called as often as WeCom allows in a hour", "本小时的调用次数已达企业微信上限"),
    (r"\S+: called more often than WeCom allows \(45009\)", "调用次数超过企业微信限制（45009）"),
    (r"\S+: status (?P<status>\d+) without an answer of WeCom's", "企业微信返回状态 {status}，没有内容"),
    (r"\S+: there was no time to wait for the answer", "等待响应的时间已用完"),
    (r"\S+: the answer (?:is longer than|has no) .*", "企业微信的响应无法读取"),
    (r"next_cursor (?:has|is) .*", "企业微信返回的翻页游标无法使用"),
    (r"\S+: the pages do not end", "企业微信的列表没有结尾"),
    (r"\S+: no (?P<what>\w+) was answered", "企业微信没有返回 {what}"),
    (r"gettoken: another process has been asking for too long; try again", "其他进程正在获取访问令牌，请稍后再试"),
    (rf"not made within two days\. {_NOTE}", "两天内未能创建，已放弃。{note}"),
    # What the doctor tells
    (rf"(?P<count>\d+) tries were refused in 24 hours \(signature\){_TAKEN}",
     "24 小时内有 {count} 次回调请求因签名不符被拒绝，自{since}起没有一次通过：请核对 callback_token"),
    (rf"(?P<count>\d+) tries were refused in 24 hours \(corporation\){_TAKEN}",
     "24 小时内有 {count} 次回调请求因企业不符被拒绝，自{since}起没有一次通过：请核对 corp_id 与 callback_aes_key"),
    (rf"(?P<count>\d+) tries were refused in 24 hours \(time\){_TAKEN}",
     "24 小时内有 {count} 次回调请求因时间不符被拒绝，自{since}起没有一次通过：请核对本机时钟"),
    (rf"(?P<count>\d+) tries were refused in 24 hours \(form\){_TAKEN}",
     "24 小时内有 {count} 次回调请求无法解密被拒绝，自{since}起没有一次通过：请核对 callback_aes_key"),
    (rf"chat groups are not compared with WeCom's list: {_NOTE}", "客户群未能与企业微信核对：{note}"),
    (rf"the daily list of chat groups waits: {_NOTE}", "每日客户群核对等待中：{note}"),
    (rf"(?P<count>\d+) tasks \((?P<kind>\w+)\) wait: {_NOTE}", "{count} 个任务（{kind}）等待中：{note}"),
    (r"(?P<count>\d+) relations have an S-level value .*", "{count} 个关系的 S 级标签与企业微信不一致，请看标签页"),
    (rf"the full sync waits: {_NOTE}", "全量同步等待中：{note}"),
    (r"the full sync passed members over \((?P<who>[^:]*):.*", "全量同步跳过了成员（{who} 等）；离职后请再同步一次"),
    (r"the (?:general )?welcome.* is not whole: .*", "有欢迎语的文件失效：请重新保存文件并设置欢迎语"),
    (r"acquisition link '(?P<code>[^']*)' has no activity, .*", "获客链接 {code} 没有活动，也不会自动结束：请设置活动"),
    (rf"acquisition link '(?P<code>[^']*)' is (?P<state>\w+): {_NOTE}", "获客链接 {code}：{note}"),
    (r"acquisition links may bring (?P<left>\d+) more customers of (?P<all>\d+) bought \((?P<at>\S+)\)",
     "获客链接剩余额度 {left} / {all}（{at}）"),
    (r"nobody knows whether (?P<count>\d+) messages of run '(?P<code>[^']*)' were handed over: .*",
     "任务 {code} 有 {count} 条消息是否已提交未知：请在企业微信后台核对，再用 scrm outreach unknown、settle 逐条确认"),
    (rf"nobody knows whether staff have moment '(?P<code>[^']*)'; see [^:]*: {_NOTE}",
     "朋友圈 {code} 是否已交给员工未知，请在企业微信后台“客户朋友圈”核对：{note}"),
    (rf"the chat archive waits: {_NOTE}", "会话存档等待中：{note}"),
    (r"(?P<count>\d+) archived messages could not be read; .*", "{count} 条存档消息无法读取；是否换过 archive_keys？"),
)  # fmt: skip
_KNOWN = tuple((re.compile(pattern, re.S), words) for pattern, words in _PATTERNS)
_BY_CODE = re.compile(r"\S+: [^()]*(?:\([^\d][^()]*\)[^()]*)*\((?P<code>-?\d+)\); .*", re.S)


def note_of(language: str) -> Callable[[str], str]:
    """What writes a note in the language of a page."""
    return in_chinese if language == "zh" else str


def in_chinese(note: str) -> str:
    """A note in Chinese; one that nobody knows here as it was written, marked as that."""
    if note in _WHOLE or not re.search("[A-Za-z]", note):
        return _WHOLE.get(note, note)
    for pattern, words in _KNOWN:
        if found := pattern.fullmatch(note):
            told = found.groupdict()
            told = {name: in_chinese(text) if name == "note" else text or "启用" for name, text in told.items()}
            return words.format(**told)
    if found := _BY_CODE.fullmatch(note):
        code = int(found["code"])
        return f"{CODES_ZH.get(code, '企业微信拒绝，请按错误码查询')}（{code}）"
    return f"原文：{note}"
