(() => {
  const textOf = (row) => {
    const cell = row.element.querySelector(".entities").cloneNode(true);
    cell.querySelectorAll(".tag").forEach((tag) => tag.remove());
    return fold(cell.textContent);
  };

  const startFilter = (browser) => {
    const form = browser.querySelector("form");
    if (!form) return;
    const { label, error, query } = form.elements;
    const facets = [...form.querySelectorAll("[data-facet]")];
    const documents = [...browser.querySelectorAll(".doc")].map((element) => ({
      element,
      id: fold(element.dataset.id),
      rows: [...element.querySelectorAll(".passage")].map((row) => ({
        element: row,
        errors: row.dataset.errors.split(" ").map((key) => key.split(":")),
      })),
    }));
    const apply = () => {
      const wanted = fold(query.value.trim());
      let shown = 0;
      for (const doc of documents) {
        const here = facets.every((facet) => !facet.value || doc.element.dataset[facet.name] === facet.value);
        const named = doc.id.includes(wanted);
        let visible = false;
        for (const row of doc.rows) {
          const match =
            here &&
            row.errors.some(([type, number]) => (!error.value || type === error.value) && (!label.value || number === label.value)) &&
            (named || (row.text ??= textOf(row)).includes(wanted));
          row.element.hidden = !match;
          visible ||= match;
        }
        doc.element.hidden = !visible;
        shown += visible;
      }
      form.querySelector(".shown").textContent = shown.toLocaleString("en");
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply(); // a reloaded page keeps the fields' values
  };

  const sections = [...document.querySelectorAll(".evaluation")];
  const showSection = () => {
    const target = document.getElementById(location.hash.slice(1));
    const current = target?.closest(".evaluation") ?? sections[0];
    for (const section of sections) section.hidden = section !== current;
    for (const tab of document.querySelectorAll(".tabs a")) {
      if (tab.hash === `#${current.id}`) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
  };

  document.querySelectorAll(".browser").forEach(startFilter);
  showSection();
  addEventListener("hashchange", showSection);
})();
