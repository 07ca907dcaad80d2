/** Line icons of one family: 24 units wide, stroke 1.8, round ends. */
import type { ReactNode } from "react";

function icon(children: ReactNode) {
  return function Icon() {
    return (
      <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
        {children}
      </svg>
    );
  };
}

const HANDSET =
  "M6.3 3.6h2.4a1.2 1.2 0 0 1 1.15.88l.86 3.1a1.2 1.2 0 0 1-.34 1.2L8.6 10.4a12.2 12.2 0 0 0 5 5l1.6-1.75a1.2 1.2 0 0 1 1.2-.34l3.1.86a1.2 1.2 0 0 1 .9 1.16v2.4a2.2 2.2 0 0 1-2.37 2.2C10.5 19.4 4.6 13.5 4.1 6A2.2 2.2 0 0 1 6.3 3.6Z";

export const PhoneIcon = icon(<path d={HANDSET} />);
export const HangUpIcon = icon(
  <path d={HANDSET} transform="rotate(135 12 12)" fill="currentColor" strokeWidth="0.6" />,
);
export const AnswerIcon = icon(<path d={HANDSET} fill="currentColor" strokeWidth="0.6" />);
export const CameraIcon = icon(
  <>
    <rect x="2.8" y="6" width="12.4" height="12" rx="3.2" />
    <path d="m15.2 10.8 4.6-2.9a.9.9 0 0 1 1.4.77v6.66a.9.9 0 0 1-1.4.77l-4.6-2.9" />
  </>,
);
export const CameraOffIcon = icon(
  <>
    <path d="M6.9 6H12a3.2 3.2 0 0 1 3.2 3.2v4.9M14.4 16.8A3.2 3.2 0 0 1 12 18H6a3.2 3.2 0 0 1-3.2-3.2V9.2c0-1 .46-1.9 1.2-2.5" />
    <path d="m15.2 10.8 4.6-2.9a.9.9 0 0 1 1.4.77v6.66a.9.9 0 0 1-1.1.87M3.5 3.5l17 17" />
  </>,
);
export const MicrophoneIcon = icon(
  <>
    <rect x="8.9" y="2.8" width="6.2" height="11.4" rx="3.1" />
    <path d="M5.4 11.4a6.6 6.6 0 0 0 13.2 0M12 18v3.2" />
  </>,
);
export const MutedIcon = icon(
  <>
    <path d="M8.9 8.6v2.5a3.1 3.1 0 0 0 4.9 2.5M15.1 10.4V5.9a3.1 3.1 0 0 0-6-1.1" />
    <path d="M5.4 11.4a6.6 6.6 0 0 0 10.6 5.2M18.4 13a6.6 6.6 0 0 0 .2-1.6M12 18v3.2M3.5 3.5l17 17" />
  </>,
);
export const SearchIcon = icon(
  <>
    <circle cx="10.8" cy="10.8" r="6.6" />
    <path d="m15.8 15.8 4.7 4.7" />
  </>,
);
export const BackIcon = icon(<path d="M14.5 5.5 8 12l6.5 6.5" />);
export const SettingsIcon = icon(
  <>
    <path d="M4 7.5h9M19 7.5h1M4 16.5h1M11 16.5h9" />
    <circle cx="16" cy="7.5" r="2.6" />
    <circle cx="8" cy="16.5" r="2.6" />
  </>,
);
export const PersonAddIcon = icon(
  <>
    <circle cx="10" cy="8" r="3.8" />
    <path d="M3.4 20a6.6 6.6 0 0 1 11-4.9M18 14.5v6M15 17.5h6" />
  </>,
);
export const PersonKnownIcon = icon(
  <>
    <circle cx="10" cy="8" r="3.8" />
    <path d="M3.4 20a6.6 6.6 0 0 1 10-5.6M15 17.9l2.1 2.1 3.9-4.4" />
  </>,
);
export const MissedIcon = icon(
  <>
    <path d="m4 7 8 8 8-8" />
    <path d="M4 12.5V7h5.5" />
  </>,
);

export function VerifiedIcon() {
  return (
    <svg className="verified" viewBox="0 0 24 24" role="img" aria-label="Verified">
      <path
        fill="currentColor"
        d="m12 1.8 2.6 2 3.2-.3 1 3.1 2.8 1.7-1 3 1 3.1-2.8 1.7-1 3.1-3.2-.3-2.6 2-2.6-2-3.2.3-1-3.1-2.8-1.7 1-3.1-1-3 2.8-1.7 1-3.1 3.2.3Z"
      />
      <path d="m8.2 11.6 2.6 2.6 5-5.2" fill="none" stroke="var(--surface)" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

export function Mark() {
  return (
    <svg viewBox="0 0 64 64" aria-hidden="true">
      <rect width="64" height="64" rx="19" fill="#0b6f69" />
      <g fill="none" stroke="#fff" strokeWidth="5" strokeLinecap="round">
        <circle cx="27" cy="32" r="13" />
        <path d="M27 32h27" />
      </g>
      <circle cx="27" cy="32" r="4.5" fill="#ffb27d" />
    </svg>
  );
}
