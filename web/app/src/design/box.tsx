/** The box of a checkbox, and the track of a switch. */
export function Box() {
  return (
    <span className="checkbox-box">
      <svg viewBox="0 0 18 18" aria-hidden="true">
        <path d="m4 9.5 3.4 3.4L14 6" fill="none" stroke="currentColor" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
    </span>
  );
}

export function Track() {
  return <span className="track" aria-hidden="true" />;
}
