// Before anything is drawn: the colours that the reader chose here, or else the system's.
(() => {
  let theme = null;
  try { theme = localStorage.getItem('candela-theme'); } catch { /* Storage is blocked: the system's it is. */ }
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
})();
