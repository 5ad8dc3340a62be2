"""What aiosmtpd answers: everything taken and put into a directory, or a failure of the kind that is asked for.

usage: aiosmtpd … -c mail_server.Server DIRECTORY [STEP ANSWER]

STEP is EHLO, MAIL, RCPT or DATA; ANSWER is a line such as "451 later", or "hang".
"""

import asyncio
import pathlib
import uuid


class Server:
    def __init__(self, directory, step=None, answer=None):
        self.directory = pathlib.Path(directory)
        self.step = step
        self.answer = answer

    @classmethod
    def from_cli(cls, parser, *arguments):
        return cls(*arguments)

    async def told(self, step, otherwise):
        if step != self.step:
            return otherwise
        (self.directory / "asked").touch()
        if self.answer == "hang":
            await asyncio.sleep(3600)
        return self.answer

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        answer = await self.told("EHLO", None)
        return responses if answer is None else [answer]

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return await self.told("MAIL", "250 ok")

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self.told("RCPT", "250 ok")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):
        answer = await self.told("DATA", "250 taken")
        if answer.startswith("250"):
            secured = "TLS" if server.transport.get_extra_info("ssl_object") else "clear"
            head = f"X-Envelope: {envelope.mail_from} {' '.join(envelope.rcpt_tos)} {secured}\r\n"
            new = self.directory / f"{uuid.uuid4()}.new"
            new.write_bytes(head.encode() + envelope.content)
            new.rename(new.with_suffix(".eml"))
        return answer
