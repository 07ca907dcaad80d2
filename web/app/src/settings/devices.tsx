/** Where one is signed in, and ending that. */
import type { Device } from "@ringline/client";
import { useState } from "react";
import { Button } from "react-aria-components";
import { DeviceIcon } from "../design/icons";
import { brief, clock, day, sameDay } from "../words/dates";
import { say } from "../words/words";

interface DevicesProps {
  devices: Device[];
  ownDevice: string;
  revoke(deviceId: string): void;
}

export function Devices({ devices, ownDevice, revoke }: DevicesProps) {
  const there = devices.filter((one) => !one.revoked);
  const own = there.filter((one) => one.device_id === ownDevice);
  const others = there.filter((one) => one.device_id !== ownDevice);
  return (
    <section className="settings-group" aria-label={say("Devices")}>
      <h2 className="settings-title">{say("Devices")}</h2>
      <p className="quiet">{say("All of them ring. Sign out the ones you do not use any more.")}</p>
      <ul className="settings-card">
        {[...own, ...others].map((device) => (
          <DeviceRow key={device.device_id} device={device} isOwn={device.device_id === ownDevice} revoke={revoke} />
        ))}
      </ul>
    </section>
  );
}

function DeviceRow({ device, isOwn, revoke }: { device: Device; isOwn: boolean; revoke(deviceId: string): void }) {
  const [asked, setAsked] = useState(false);
  const name = device.name === "" ? say("Unnamed device") : device.name;
  return (
    <li className="settings-row settings-device">
      <DeviceIcon />
      <span className="settings-words">
        {name}
        <span className="quiet">{isOwn ? say("This device") : say("Last used: {when}", { when: lastUsed(device) })}</span>
      </span>
      {!isOwn &&
        (asked ? (
          <Button className="button danger-fill small" autoFocus onPress={() => revoke(device.device_id)} onBlur={() => setAsked(false)}>
            {say("Sign it out now")}
          </Button>
        ) : (
          <Button className="button plain small" aria-label={say("Sign out {name}", { name })} onPress={() => setAsked(true)}>
            {say("Sign out")}
          </Button>
        ))}
    </li>
  );
}

function lastUsed(device: Device): string {
  const at = Math.max(device.last_seen_at_ms, device.created_at_ms);
  const now = Date.now();
  return sameDay(at, now) ? `${day(at, now)}, ${clock(at)}` : brief(at, now);
}
