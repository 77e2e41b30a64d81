// What scrolls sideways can be reached with the keyboard; what fits is no stop on the way.
function markScrollers() {
  for (const box of document.querySelectorAll("article pre, .table-wrapper, .cell_output .output, .formula")) {
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}

// The options of a command stay in one piece where its line wraps.
function keepOptionsWhole() {
  for (const command of document.querySelectorAll(".highlight-sh pre")) {
    const walker = document.createTreeWalker(command, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const text of texts) {
      const parts = text.data.split(/((?<!\S)--?[a-z][\w-]*)/);
      text.replaceWith(...parts.map((part, index) => (index % 2 ? whole(part) : part)));
    }
  }
}

function whole(words) {
  const span = document.createElement("span");
  span.className = "whole";
  span.textContent = words;
  return span;
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "All pages");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
  keepOptionsWhole();
  markScrollers();
});
addEventListener("load", markScrollers);
addEventListener("resize", markScrollers);
