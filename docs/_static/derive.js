// What scrolls sideways can be reached by keyboard and fades where it goes on; the theme's own buttons have names.
document.addEventListener("DOMContentLoaded", () => {
  const PARTS = ".formula, .bd-article table, .bd-article pre, .bd-article figure, .bd-article p, .cell_output .text_html";
  const goesOn = (part) => {
    const rest = part.scrollWidth - part.clientWidth, place = Math.abs(part.scrollLeft);
    part.toggleAttribute("data-before", rest > 0 && place > 1);
    part.toggleAttribute("data-after", rest > 0 && place < rest - 1);
  };
  const wide = () => {
    for (const part of document.querySelectorAll(PARTS)) {
      if (part.scrollWidth > part.clientWidth) part.setAttribute("tabindex", "0");
      goesOn(part);
    }
  };
  wide();
  addEventListener("resize", wide);
  document.addEventListener("toggle", wide, true);
  document.addEventListener("scroll", ({target}) => target.matches?.(PARTS) && goesOn(target), {capture: true, passive: true});
  for (const summary of document.querySelectorAll(".bd-sidebar-primary summary")) {
    const owner = summary.closest("li")?.querySelector("a");
    summary.setAttribute("aria-label", `Pages under ${owner ? owner.textContent.trim() : "this one"}`);
  }
  for (const button of document.querySelectorAll("button.search-button-field")) {
    button.setAttribute("aria-label", button.textContent.replace(/\s+/g, " ").trim());
  }
});
