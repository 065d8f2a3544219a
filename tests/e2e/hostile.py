"""Strings that mean something to somebody: SQL, JSON, C, a shell, a terminal, Unicode.

STRINGS are valid UTF-8 without NUL, as a program's argument must be; BYTES are not UTF-8. Nothing here
is random, so that a failure names its string.
"""

_SQL = """
'|''|'''|"|""|\\|\\\\|\\'|\\"|`|;|;;|--|-- |/*|*/|/* */|/*/**/|#|$$|$1|$2|$4|$0|$$;$$|$a$|$a$'$a$|:a|::|:'a'|%s|%(a)s|%%|?|??
' OR '1'='1|' OR 1=1 --|'; DROP TABLE weir.events; --|'); DROP SCHEMA weir CASCADE; --|"; DROP TABLE weir.streams; --
\\'; DROP TABLE weir.store; --|$$; DROP TABLE weir.events; $$|1; DELETE FROM weir.streams|' UNION SELECT NULL --|'||'|' || pg_sleep(9) || '
x'; COMMIT; DROP TABLE bystander; --|x'); SELECT weir.append('evil', 'e', NULL, '[{"type":"t","data":1}]'); --|E'\\x27'|E'\\''|U&'\\0027'
U&"d\\0061t\\+000061"|B'1'|X'1F'|N'x'|e'\\\\'|'\\u0027|E'\\u0000'|CAST(1 AS text)|1::text|now()|current_user|DEFAULT|NULL|null|true
pg_catalog.now()|weir.events|weir.|"weir"."events"|weir"."events|weir';--|public, pg_temp|pg_temp.evil|search_path|"$user", public
set search_path = evil|SET ROLE weir_owner|RESET ALL|COPY weir.events TO PROGRAM 'id'|\\copy x|\\! id|\\gexec|\\q|\\.|\\N|{{weir}}
%|_|%%%|%_%|a%|_a|[a-z]|.*|(?i)x|^$|(((|)))|***|\\d+|+?|[|]|(|)|{|}
"""
_CODE = """
{}|{a}|{NULL}|{NULL,NULL}|{"a","b"}|{{1,2},{3,4}}|{1,2|[1:2]={1,2}|(1,2)|[1,2)|"{}"|[]|[[]]|{"a":1}|{"type":"t"}|"}, {"type": "evil", "data": 1
"}]|\\"}]|\\u0000|\\u0027|\\ud800|\\n|\\r\\n|\\x00|\\0|%00|%0a|%27|&apos;|&#39;|&lt;|<script>alert(1)</script>|<!-- -->|]]>|<?xml?>
%n|%n%n%n%n|%s%s%s%s%s|%x%x%x|%d|%p|%1$s|%.9999d|%*d|%99999999s|%hhn|%-|%zu|${HOME}|${WEIR_CONFIG}|$HOME|$(id)|`id`|!!|~|~root|*
../|../../../../etc/passwd|/etc/passwd|/dev/null|..|.|./.|//|C:\\|\\\\host\\share|file:///etc/passwd|a/../b|@/etc/passwd|@|a@b|-|--help
-x|--|--type|--type=x|-o|-1|+1|=|a=b|key=value|a:b|a,b|a b| a|a | |  |,|:|!|&|&&|\\||>|<|>>|2>&1|*.*|?.?|#{x}|<%= x %>|{% x %}
0|-0|00|1|007|1e5|1e400|1E-400|-1|+0|0x1F|0b1|0o7|1_000|1,000|1.0|1.|.1|NaN|nan|Infinity|-Infinity|inf|9223372036854775807
9223372036854775808|-9223372036854775808|-9223372036854775809|18446744073709551616|99999999999999999999999999|1/0|٣|１|¹|Ⅷ|½
true|false|yes|no|on|off|y|n|None|undefined|nil|void|any|exists|none|all|infinity|today|epoch|now|tomorrow|J2451545|allballs
2020-01-01|2020-02-30T00:00:00Z|12:00|1 year|P1Y|00000000-0000-0000-0000-000000000000x|select|table|user|order|pg_x|public|weir
"""
_UNICODE = [
    "é", "e\u0301", "ﬁ", "ß", "İ", "ı", "Σς", "\u212a", "Ａ", "\u00a0", "\u2028", "\u2029", "\u3000", "\u1680", "\u2003",
    "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "a\u200bb", "\ufeffa", "\u00ad", "\u034f", "\u061c", "\u180e",
    "\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u2069", "user\u202egnp.exe", "abc\u2067def", "שלום", "مرحبا",
    "ab\u05d0\u05d1cd", "\ufffd", "\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff", "\U0010fffd", "\ue000", "\U000f0000",
    "😀", "👩\u200d👩\u200d👧\u200d👦", "🇩🇪", "👍🏽", "𝒳", "𐀀", "𠜎", "\U000e0001", "\U000e0041", "Z\u0351\u036b\u0343\u036a\u0302a\u0300l", "a" + "\u0301" * 100,
    "‘", "’", "“", "”", "＇", "＂", "；", "ʼ", "′", "‐", "‑", "–", "—", "−", "／", "＼", "﹨", "․", "…", "％", "＄", "аdmin", "раураl",
    "ﷺ", "﷽", "ด้้้้้็็็็็", "நி", "각", "각", "\u1100\u1161\u11a8", "ǆ", "Ǆ", "ŉ", "ΐ", "\u0130", "\u0390", "🏴\U000e0067\U000e0062\U000e007f",
]
_CONTROL = [
    "\x01", "\x07", "\x08", "\t", "\n", "\x0b", "\x0c", "\r", "\r\n", "\x1b", "\x1b[31m", "\x1b]0;evil\x07", "\x1f", "\x7f", "\x80", "\x85", "\x9b31m",
    "\x9f", "a\nb", "a\n\n-- on: *\nDROP TABLE x;", "a\r\nSet-Cookie: x", "'\n;\n'", "a\tb", "\\\n", "\n\\.\n", "\x1a", "\x04", "\x03",
]
_LONG = ["a" * 99, "a" * 100, "a" * 101, "x" * 200, "x" * 201, "x" * 256, "x" * 257, "é" * 100, "é" * 128, "é" * 129, "😀" * 50, "😀" * 64, "😀" * 65,
         "'" * 200, "\\" * 200, '"' * 200, "%" * 200, "{" * 200, "[" * 200, "x" * 5000, "'" * 5000, "é" * 5000, "\u202e" * 3000]


def _split(block):
    return [s.replace("\\\\", "\\") for s in block.strip("\n").replace("\n", "|").split("|")]


STRINGS = list(dict.fromkeys(s for s in [*_split(_SQL), *_split(_CODE), *_UNICODE, *_CONTROL, *_LONG] if s))
BYTES = [b"\xff", b"\xfe\xff", b"a\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"'\xbf';--", b"\xe2\x28\xa1"]
