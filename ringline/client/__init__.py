"""The Python client: the scripted device of every test, of the load generator and of operators' tools.

    async with httpx.AsyncClient() as http:
        api = Api(["http://localhost:8080"], http)
        ada = await Phone(await api.sign_in("ada", password, DeviceKey()), api.urls).connect()
        call = await ada.place("@bob", audio=True)
        await call.until("connected")
        await call.hang_up()

Every wait has a deadline. What the server refuses is raised as ringline.refusal.Refusal.
"""

from ringline.client.call import DEADLINE, Call, NotInTime
from ringline.client.inbox import Inbox
from ringline.client.keys import DeviceKey
from ringline.client.line import Line, LineClosed
from ringline.client.phone import Phone, mint_command
from ringline.client.rest import Api, Session, normal

__all__ = [
    "DEADLINE",
    "Api",
    "Call",
    "DeviceKey",
    "Inbox",
    "Line",
    "LineClosed",
    "NotInTime",
    "Phone",
    "Session",
    "mint_command",
    "normal",
]
