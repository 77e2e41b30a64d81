// What scrolls sideways can be reached with the keyboard; what fits is no stop on the way.
function markScrollers() {
  for (const box of document.querySelectorAll("article pre, .table-wrapper, .cell_output .output, .formula")) {
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "All pages");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
  markScrollers();
});
addEventListener("load", markScrollers);
addEventListener("resize", markScrollers);
