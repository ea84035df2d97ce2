(() => {
  const form = document.querySelector("form");
  if (!form) return;
  const { kind, severity, label, query } = form.elements;
  const sections = [...document.querySelectorAll(".findings")].map((element) => ({
    element,
    findings: [...element.querySelectorAll(".doc")].map((doc) => ({
      element: doc,
      labels: doc.dataset.labels.split(" "),
      severity: doc.dataset.severity,
    })),
  }));
  const apply = () => {
    const wanted = fold(query.value.trim());
    let shown = 0;
    for (const section of sections) {
      const here = !kind.value || section.element.dataset.kind === kind.value;
      let visible = 0;
      for (const finding of section.findings) {
        const match =
          here &&
          (!severity.value || finding.severity === severity.value) &&
          (!label.value || finding.labels.includes(label.value)) &&
          (!wanted || (finding.text ??= fold(finding.element.textContent)).includes(wanted));
        finding.element.hidden = !match;
        visible += match;
      }
      section.element.hidden = !visible;
      shown += visible;
    }
    form.querySelector(".shown").textContent = shown.toLocaleString("en");
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  // A link of the summary must not lead to a section that the filter hides.
  document.querySelectorAll(".summary-table a").forEach((link) =>
    link.addEventListener("click", () => {
      form.reset();
      apply();
    }),
  );
  apply(); // a reloaded page keeps the fields' values
})();
