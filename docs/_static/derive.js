// What scrolls sideways can be reached by keyboard, and the theme's own buttons have names.
document.addEventListener("DOMContentLoaded", () => {
  const wide = () => {
    for (const part of document.querySelectorAll(
      ".formula, .bd-article table, .bd-article pre, .bd-article figure, .bd-article p",
    )) {
      if (part.scrollWidth > part.clientWidth) part.setAttribute("tabindex", "0");
    }
  };
  wide();
  addEventListener("resize", wide);
  document.addEventListener("toggle", wide, true);
  for (const summary of document.querySelectorAll(".bd-sidebar-primary summary")) {
    const owner = summary.closest("li")?.querySelector("a");
    summary.setAttribute("aria-label", `Pages under ${owner ? owner.textContent.trim() : "this one"}`);
  }
  for (const button of document.querySelectorAll("button.search-button-field")) {
    button.setAttribute("aria-label", button.textContent.replace(/\s+/g, " ").trim());
  }
});
