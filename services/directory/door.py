"""The door: who gets in. Signing up, signing in, recovering, renewing, and adopting the platform's own users.

Guessing is slowed down per network and username, per network, and per username; a try is counted before the
password is looked at and taken back when it was right, so that many tries at once are no way around. An
unknown user costs the same steps and the same hash as a wrong password.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ringline import ids
from ringline.db import Database
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import accounts_pb2
from ringline.v1.accounts_pb2 import Account, Device, DeviceProof
from ringline.v1.reasons_pb2 import Reason
from services.directory import password, profile, proof, recovery, username
from services.directory.devices import Devices
from services.directory.hashing import Hasher
from services.directory.settings import Settings
from services.directory.store import Credentials, Identity, Newcomer, Store
from services.directory.tally import DAY_MS, HOUR_MS, Limit, Tallies, Tally
from services.directory.token import Issuer

GUESSES_OF_ONE = Limit("guesses by network and username", 10, HOUR_MS // 4)
GUESSES_FROM_NETWORK = Limit("guesses by network", 100, HOUR_MS)
GUESSES_AT_USERNAME = Limit("guesses by username", 200, HOUR_MS)
NETWORK_LONGEST = 64
CLAIM_LONGEST = 255

Clock = Callable[[], int]
"""Now, in Unix milliseconds."""


class SignedUp(NamedTuple):
    """A new account and its recovery codes, which are nowhere else."""

    account: Account
    codes: list[str]


class SignedIn(NamedTuple):
    """Who is in, with what device and token."""

    account: Account
    device: Device
    token: str


class Recovered(NamedTuple):
    """Who has a new password, and what he lost by it."""

    user_id: str
    device_ids: list[str]
    """The devices that were revoked."""
    codes_left: int


@dataclass(frozen=True)
class Door:
    """What the door is made of."""

    settings: Settings
    db: Database
    store: Store
    devices: Devices
    tallies: Tallies
    hasher: Hasher
    issuer: Issuer
    clock: Clock

    async def sign_up(self, request: accounts_pb2.SignUpRequest, is_operator: bool) -> SignedUp:
        """Makes an account. The operator needs no invite and is not counted."""
        if not is_operator:
            self._check_invited(request.invite)
        name = username.wanted(request.username, self.settings.reserved.split())
        plain = password.chosen(request.password, name)
        shown = profile.display_name(request.display_name)
        tally = None if is_operator else self._sign_ups(request.network)
        if tally:
            await self.tallies.check(tally, self.clock())
        await self.store.check_free(name, self.clock())
        hashed = await self.hasher.hashed(plain)
        codes, user_id = recovery.mint(), ids.mint_user()
        newcomer = Newcomer(name, shown, self.settings.first_tier, verified=False, password=hashed)
        async with self.db.transaction() as con:
            if tally:
                await self.tallies.spend(con, tally, self.clock())
            account = await self.store.create(con, user_id, newcomer, self.clock())
            await self.store.add_codes(con, user_id, [recovery.hashed(user_id, code) for code in codes])
        return SignedUp(account, codes)

    async def sign_in(self, request: accounts_pb2.SignInRequest) -> SignedIn:
        """Lets somebody in who knows the password and holds the device's key."""
        name = _claimed(request.username)
        proof.check(request.device, "sign-in", name, self.clock())
        tallies = self._guesses(request.network, name)
        await self.tallies.spend_all(tallies, self.clock())
        found = await self.store.credentials(name)
        plain = _typed(request.password)
        try:
            is_right = await self.hasher.matches(found.password if found else "", plain)
        except Refusal:  # overloaded: nothing was learned, so nothing counts
            await self.tallies.refund(tallies)
            raise
        if not is_right or found is None:
            raise Refusal(Reason.REASON_CREDENTIALS_WRONG)
        await self.tallies.refund(tallies)
        user_id = found.account.profile.user_id
        shown = request.device
        device = await self.devices.register(
            user_id, shown.public_key, profile.device_name(shown.name), self.clock(), found.password
        )
        await self._keep_hash_fresh(found, plain)
        return SignedIn(found.account, device, self.issuer.issue(user_id, device.device_id, self.clock()))

    async def recover(self, request: accounts_pb2.RecoverRequest) -> Recovered:
        """Sets a new password against a recovery code and revokes every device."""
        name = _claimed(request.username)
        plain = password.chosen(request.new_password, name)
        tallies = self._guesses(request.network, name)
        await self.tallies.spend_all(tallies, self.clock())
        found = await self.store.credentials(name)
        user_id = found.account.profile.user_id if found else ""
        code = recovery.hashed(user_id, request.recovery_code)
        if not await self.store.has_code(user_id, code):
            raise Refusal(Reason.REASON_CREDENTIALS_WRONG)
        # Hashed before the code is spent: who is refused as overloaded keeps his code.
        hashed = await self.hasher.hashed(plain)
        async with self.db.transaction() as con:
            left = await self.store.spend_code(con, user_id, code)
            await self.store.set_password(con, user_id, hashed)
            device_ids = await self.devices.revoke_all(con, user_id, self.clock())
        await self.tallies.refund(tallies)
        return Recovered(user_id, device_ids, left)

    async def register(self, user_id: str, shown: DeviceProof) -> Device:
        """The device whose proof was checked, new or known by its key."""
        name = profile.device_name(shown.name)
        return await self.devices.register(user_id, shown.public_key, name, self.clock())

    async def renew(self, request: accounts_pb2.RenewTokenRequest) -> str:
        """A fresh token for a device that is still good and proves its key."""
        proof.check(request.device, "renew", request.user_id, self.clock())
        device = await self.devices.good(request.user_id, request.device_id)
        if not hmac.compare_digest(device.public_key, request.device.public_key):
            raise Refusal(Reason.REASON_PROOF_INVALID)
        await self.devices.see(device.device_id, self.clock())
        return self.issuer.issue(request.user_id, device.device_id, self.clock())

    async def adopt(self, request: accounts_pb2.AdoptRequest) -> Account:
        """The account of a user of the platform, made or brought up to what the platform says of him now."""
        for claim in (request.issuer, request.subject, request.username):
            if not claim.isprintable() or len(claim) > CLAIM_LONGEST:
                raise Refusal(Reason.REASON_INVALID, "A claim is malformed.")
        if not request.issuer or not request.subject:
            raise Refusal(Reason.REASON_INVALID, "A claim is missing.")
        found = await self.store.identity(request.issuer, request.subject)
        if found is None:
            made = await self._make_adopted(request)
            if made is not None:
                return made
            found = await self.store.identity(request.issuer, request.subject)
        if found is None:
            raise Refusal(Reason.REASON_UNAVAILABLE)
        return await self._follow_claims(found, request)

    async def _make_adopted(self, request: accounts_pb2.AdoptRequest) -> Account | None:
        """The new account; None where somebody else adopted the same person in the same moment."""
        newcomer = Newcomer(
            username.wanted(request.username, self.settings.reserved.split()),
            _shown_claim(request),
            profile.tier(request.tier or self.settings.first_tier),
            request.verified,
            password="",
        )
        user_id = ids.mint_user()
        async with self.db.transaction() as con:
            if not await self.store.identify(con, request.issuer, request.subject, user_id, request.username):
                return None
            return await self.store.create(con, user_id, newcomer, self.clock())

    async def _follow_claims(self, found: Identity, request: accounts_pb2.AdoptRequest) -> Account:
        account = found.account
        user_id = account.profile.user_id
        if request.username and request.username != found.claim:
            account = await self._follow_username(account, request)
        tier = profile.tier(request.tier) if request.tier and request.tier != account.tier else None
        is_verified = request.verified if request.HasField("verified") else account.profile.verified
        if tier is not None or is_verified != account.profile.verified:
            account = await self.store.set_standing(user_id, tier, is_verified)
        shown = _shown_claim(request)
        if shown and shown != account.profile.display_name:
            account = await self.store.update_profile(user_id, shown, None)
        return account

    async def _follow_username(self, account: Account, request: accounts_pb2.AdoptRequest) -> Account:
        """Renames as the platform did. Where the name is not to be had, the old one stays: better than none.

        Tried again at each visit, because the name may become free.
        """
        user_id = account.profile.user_id
        try:
            name = username.wanted(request.username, self.settings.reserved.split())
            async with self.db.transaction() as con:
                account = await self.store.rename(con, user_id, name, self.clock())
                await self.store.note_claim(con, request.issuer, request.subject, request.username)
        except Refusal as refusal:
            if refusal.reason == Reason.REASON_UNAVAILABLE:
                raise
            log(__name__).warning("username claim not followed", user=user_id, reason=refusal.name)
        return account

    def _check_invited(self, invite: str) -> None:
        mode = self.settings.sign_up
        if mode == "open":
            return
        invites = [one.strip() for one in self.settings.invite.get_secret_value().split(",")]
        good = [hmac.compare_digest(one.encode(), invite.encode()) for one in invites if one]
        if mode == "closed" or not any(good):
            raise Refusal(Reason.REASON_SIGN_UP_CLOSED)

    def _sign_ups(self, network: str) -> Tally | None:
        most = self.settings.sign_ups_per_hour
        network = _network(network)
        return self.tallies.of(Limit("sign-ups", most, HOUR_MS), network) if most else None

    def _guesses(self, network: str, name: str) -> list[Tally]:
        network = _network(network)
        return [
            self.tallies.of(GUESSES_OF_ONE, network, name),
            self.tallies.of(GUESSES_FROM_NETWORK, network),
            self.tallies.of(GUESSES_AT_USERNAME, name),
        ]

    async def _keep_hash_fresh(self, found: Credentials, plain: str) -> None:
        """Hashes anew where the settings ask for another strength than the stored hash has."""
        if self.hasher.is_outdated(found.password):
            hashed = await self.hasher.hashed(plain)
            await self.store.refresh_password(found.account.profile.user_id, found.password, hashed)


def rename_limit(settings: Settings) -> Limit:
    """How often a user may take another name; each one given up is held, so that few could hold many."""
    return Limit("renames", settings.renames_per_month, 30 * DAY_MS)


def _claimed(typed: str) -> str:
    """The normal form of the name with which somebody wants in; an impossible one is wrong like others."""
    try:
        return username.normal(typed)
    except Refusal:
        raise Refusal(Reason.REASON_CREDENTIALS_WRONG) from None


def _typed(plain: str) -> str:
    """The normal form of a password that is compared; what has none is compared too, and is wrong."""
    try:
        return password.normal(plain)
    except Refusal:
        return "\0"


def _network(network: str) -> str:
    if not 0 < len(network) <= NETWORK_LONGEST:
        raise Refusal(Reason.REASON_INVALID, "The network is missing.")
    return network


def _shown_claim(request: accounts_pb2.AdoptRequest) -> str:
    """The display name claim; empty where it breaks our rules: no reason to keep somebody out."""
    try:
        return profile.display_name(request.display_name)
    except Refusal:
        return ""
