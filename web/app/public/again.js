// While gateways are replaced by those of another release, a page may come from one and ask another for its files, which does
// not have them. Then the page is asked for once more, until all of it is of one release. What the page loads later is not
// meant: it says itself what is missing. This file has the same name in every release.
(() => {
  const KEPT = "ringline.again";
  const MOST = 60;
  let asks = false;

  async function again() {
    const tries = Number(sessionStorage.getItem(KEPT)) + 1;
    if (asks || tries > MOST) return;
    asks = true;
    sessionStorage.setItem(KEPT, String(tries));
    // At once first, then less and less often, and not everybody at the same moment.
    await new Promise((resolve) => setTimeout(resolve, Math.min(tries - 1, 10) * 500 * (0.5 + Math.random())));
    location.reload();
  }

  function missed({ target }) {
    if (target instanceof HTMLScriptElement || target instanceof HTMLLinkElement) void again();
  }

  addEventListener("error", missed, true);
  addEventListener("ringline:there", () => {
    if (asks) return; // its styles are missing
    removeEventListener("error", missed, true);
    sessionStorage.removeItem(KEPT);
  });
})();
