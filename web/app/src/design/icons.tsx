/** Line icons of one family: 24 units wide, stroke 1.8, round ends. */
import type { ReactNode } from "react";
import { say } from "../words/words";

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
export const HoldIcon = icon(<path d="M8.6 5.500v13M15.4 5.500v13" strokeWidth="2.8" />);
export const ResumeIcon = icon(<path d="M8 5.600v12.800a.8.8 0 0 0 1.230.670l9.700-6.400a.8.8 0 0 0 0-1.340l-9.700-6.400A.8.8 0 0 0 8 5.600Z" fill="currentColor" strokeWidth="1" />);
export const SwapIcon = icon(<path d="M4 8.500h14.500M15 5l3.500 3.500L15 12M20 15.500H5.500M9 12l-3.500 3.500L9 19" />);
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

export const IncomingIcon = icon(<path d="M18.5 5.5 6 18M6 8.5V18h9.5" />);
export const OutgoingIcon = icon(<path d="M5.5 18.5 18 6M8.5 6H18v9.5" />);
export const HistoryIcon = icon(
  <>
    <path d="M3.6 12a8.4 8.4 0 1 0 2.9-6.4L3.6 8" />
    <path d="M3.6 3.6V8H8M12 7.4V12l3.2 2" />
  </>,
);
export const InboxIcon = icon(
  <>
    <path d="M3.5 13.5h4.8l1.5 2.6h4.4l1.5-2.6h4.8" />
    <path d="M6.3 5.2h11.4l2.8 8.3v3.9a1.8 1.8 0 0 1-1.8 1.8H5.3a1.8 1.8 0 0 1-1.8-1.8v-3.9Z" />
  </>,
);
export const SendIcon = icon(<path d="M20.4 11.1 5.2 4a1 1 0 0 0-1.4 1.2L6 12l-2.2 6.8A1 1 0 0 0 5.2 20l15.2-7.1a1 1 0 0 0 0-1.8ZM6 12h6.4" />);
export const ClockIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.4" />
    <path d="M12 7.4V12l3 1.8" />
  </>,
);
export const WarnIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.6" />
    <path d="M12 7.6v5M12 16.2v.1" />
  </>,
);
export const DownIcon = icon(<path d="m6 9.5 6 6 6-6" />);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const FollowIcon = icon(
  <>
    <circle cx="6" cy="18" r="1.3" fill="currentColor" />
    <path d="M5 11.2a7.8 7.8 0 0 1 7.8 7.8M5 5a14 14 0 0 1 14 14" />
  </>,
);
export const StarIcon = icon(<path d="m12 4 2.500 5.100 5.600.8-4.050 3.950.950 5.600-5-2.650-5 2.650.950-5.600L3.900 9.900l5.600-.8Z" />);
export const BellIcon = icon(<path d="M6 10a6 6 0 0 1 12 0c0 5 2 6.500 2 6.500H4S6 15 6 10ZM10 19.800a2.300 2.300 0 0 0 4 0" />);
export const BellOffIcon = icon(<path d="M8.200 5.400A6 6 0 0 1 18 10c0 2.300.400 3.800.900 4.800M16.500 16.500H4S6 15 6 10c0-.700.100-1.400.400-2M10 19.800a2.300 2.300 0 0 0 4 0M3.500 3.500l17 17" />);
export const MoonIcon = icon(<path d="M19.800 14.600A8.200 8.200 0 0 1 9.400 4.200a8.200 8.200 0 1 0 10.400 10.400Z" />);
export const ShieldIcon = icon(<path d="M12 3.500 19 6v5.500c0 4.300-2.800 7.500-7 9-4.200-1.500-7-4.700-7-9V6Z" />);
export const FlagIcon = icon(<path d="M5.500 20.500v-16M5.500 5.200c4-2 7.500 2 13 0v8.600c-5.500 2-9-2-13 0" />);
export const NextIcon = icon(<path d="m9.500 6 6 6-6 6" />);
export const BlockIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.4" />
    <path d="m6.2 6.2 11.6 11.6" />
  </>,
);
export const TrashIcon = icon(<path d="M4.5 6.500h15M9.5 6.500V4.300h5v2.200M6.5 6.500l.9 12.300a1.2 1.2 0 0 0 1.2 1.100h6.800a1.2 1.2 0 0 0 1.2-1.100l.9-12.3" />);
export const DeviceIcon = icon(
  <>
    <rect x="3" y="4.5" width="18" height="12" rx="2.4" />
    <path d="M8.5 20h7" />
  </>,
);
export const FlipIcon = icon(
  <>
    <path d="M4 9.500A8.2 8.2 0 0 1 18.6 7L20 8.600M20 14.500A8.2 8.2 0 0 1 5.4 17L4 15.4" />
    <path d="M20 4.500v4.100h-4.100M4 19.500v-4.100h4.1" />
  </>,
);
export const FullScreenIcon = icon(<path d="M4 9V4.800a.8.8 0 0 1 .8-.8H9M15 4h4.200a.8.8 0 0 1 .8.800V9M20 15v4.200a.8.8 0 0 1-.8.800H15M9 20H4.800a.8.8 0 0 1-.8-.8V15" />);
export const SmallScreenIcon = icon(<path d="M9 4v4.200a.8.8 0 0 1-.8.800H4M20 9h-4.200a.8.8 0 0 1-.8-.8V4M15 20v-4.200a.8.8 0 0 1 .8-.8H20M4 15h4.200a.8.8 0 0 1 .8.800V20" />);
export const PictureIcon = icon(
  <>
    <rect x="3" y="4.5" width="18" height="15" rx="2.8" />
    <rect x="11.5" y="11.5" width="6.6" height="5" rx="1.2" fill="currentColor" />
  </>,
);
export const MessageIcon = icon(<path d="M20.5 11.600a7.9 7.9 0 0 1-8.3 7.6 9.3 9.3 0 0 1-2.9-.45L4.3 20.500l1.4-3.900a7.2 7.2 0 0 1-1.9-5A7.9 7.9 0 0 1 12.1 4a7.9 7.9 0 0 1 8.4 7.600Z" />);

export function VerifiedIcon() {
  return (
    <svg className="verified" viewBox="0 0 24 24" role="img" aria-label={say("Verified")}>
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
