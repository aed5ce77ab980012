# SPDX-License-Identifier: BSD-2-Clause
"""What the status line and the built-in page of each status say: nginx's words, which scripts and
log filters compare. Statuses that nginx has no page for are ours."""

import re

from support.harness import SluiceTest

# status: words of the status line, words of the page ("" for no page)
WORDS = {
    200: ("OK", ""),
    204: ("No Content", ""),
    301: ("Moved Permanently", "Moved Permanently"),
    302: ("Moved Temporarily", "Found"),
    303: ("See Other", "See Other"),
    304: ("Not Modified", ""),
    307: ("Temporary Redirect", "Temporary Redirect"),
    308: ("Permanent Redirect", "Permanent Redirect"),
    400: ("Bad Request", "Bad Request"),
    401: ("Unauthorized", "Authorization Required"),
    402: ("Payment Required", "Payment Required"),
    403: ("Forbidden", "Forbidden"),
    404: ("Not Found", "Not Found"),
    405: ("Not Allowed", "Not Allowed"),
    406: ("Not Acceptable", "Not Acceptable"),
    409: ("Conflict", "Conflict"),
    410: ("Gone", "Gone"),
    411: ("Length Required", "Length Required"),
    412: ("Precondition Failed", "Precondition Failed"),
    413: ("Request Entity Too Large", "Request Entity Too Large"),
    414: ("Request-URI Too Large", "Request-URI Too Large"),
    415: ("Unsupported Media Type", "Unsupported Media Type"),
    416: ("Requested Range Not Satisfiable", "Requested Range Not Satisfiable"),
    421: ("Misdirected Request", "Misdirected Request"),
    429: ("Too Many Requests", "Too Many Requests"),
    431: ("Request Header Fields Too Large", "Request Header Fields Too Large"),
    500: ("Internal Server Error", "Internal Server Error"),
    501: ("Not Implemented", "Not Implemented"),
    502: ("Bad Gateway", "Bad Gateway"),
    503: ("Service Temporarily Unavailable", "Service Temporarily Unavailable"),
    504: ("Gateway Time-out", "Gateway Time-out"),
    505: ("HTTP Version Not Supported", "HTTP Version Not Supported"),
    507: ("Insufficient Storage", "Insufficient Storage"),
    418: ("", ""),
    599: ("", ""),
}
# nginx's own numbers, shown as 400 with a page of their own.
OWN = {
    494: "Request Header Or Cookie Too Large",
    495: "The SSL certificate error",
    496: "No required SSL certificate was sent",
    497: "The plain HTTP request was sent to HTTPS port",
}
LOCATIONS = "".join(f"location = /{status} {{ return {status}; }}\n" for status in (*WORDS, *OWN))
LOCATIONS += 'location = /408 { return 408 "slow"; }\n'  # without a text the connection ends unanswered


class ErrorWords(SluiceTest):
    conf = f"http {{ access_log off; server_tokens off; server {{ listen %%PORT%%;\n{LOCATIONS}}} }}"

    def page_of(self, reply):
        title = re.search("<title>(.*)</title>", reply.text)
        heading = re.search("<h1>(.*)</h1>", reply.text)
        if title is None:
            self.assertEqual(reply.body, b"")
            return ""
        self.assertEqual(title[1], heading[1])
        self.assertEqual(reply.header("Content-Type"), "text/html")
        status, _, words = title[1].partition(" ")
        self.assertEqual(int(status), reply.status)
        return words

    def test_each_status_has_nginxs_words(self):
        for status, (line, page) in WORDS.items():
            with self.subTest(status):
                reply = self.server.get(f"/{status}")
                self.assertEqual((reply.status, reply.reason, self.page_of(reply)), (status, line, page))

    def test_a_time_out_with_a_text(self):
        reply = self.server.get("/408")
        self.assertEqual((reply.status, reply.reason, reply.text), (408, "Request Time-out", "slow"))

    def test_nginxs_own_numbers_are_400_outside(self):
        for status, page in OWN.items():
            with self.subTest(status):
                reply = self.server.get(f"/{status}")
                self.assertEqual((reply.status, reply.reason, self.page_of(reply)),
                                 (400, "Bad Request", page))
