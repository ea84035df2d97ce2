"use strict";
(() => {
  const EXAMPLE = {
    text:
      "مریم رستمی، رئیس دانشگاه گیلان، پنجشنبه گذشته در رشت گفت جشنواره فیلم خزر از ۲۵ تا ۳۰ مهر ۱۴۰۴ برگزار می‌شود. " +
      "به گفته او وزارت فرهنگ و ارشاد اسلامی هفته آینده نام داوران را اعلام می‌کند و سینماگرانی از گرجستان و ارمنستان " +
      "به بندر انزلی می‌آیند.\n\n" +
      "دوره پیشین این جشنواره پاییز سال گذشته در لاهیجان با حضور یوسف کریمی و سارا احمدی برپا شد 🎬 و شبکه باران " +
      "آیین پایانی آن را در ۷ نوامبر ۲۰۲۴ پخش کرد.",
    published: "2025-09-28",
  };

  const main = document.querySelector("main");
  const names = JSON.parse(main.dataset.names);
  const maxChars = Number(main.dataset.maxChars);
  const at = (id) => document.getElementById(id);
  const form = at("ask");
  const { text, published } = form.elements;
  let answer = null;
  let running = null;

  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };
  const ltr = (content) => {
    const element = make("bdi", "", content);
    element.dir = "ltr";
    return element;
  };
  const whole = (number) => number.toLocaleString("en");
  // Rounded down: nothing that is less than sure shall look so.
  const percent = (score) => `${Math.floor(Math.round(1e4 * score) / 100)}%`;
  const labelClass = (label) => names.classes[label] ?? "label-other";

  const solar = new Intl.DateTimeFormat("fa-u-ca-persian-nu-arabext", { dateStyle: "long", timeZone: "UTC" });
  const toSolar = (iso) => {
    const days = iso.split("/").map((day) => solar.format(new Date(`${day}T00:00:00Z`)));
    return days.join(" تا ");
  };

  // The service counts code points, and JavaScript UTF-16 units, of which an emoji has two.
  const countChars = (string) => [...string].length;

  const showMarked = (chars, entities) => {
    const pieces = [];
    let cursor = 0;
    for (const { start, end, label, score } of entities) {
      const known = score !== undefined;
      const tag = make("span", "tag", ltr(known ? `${label} ${percent(score)}` : label));
      const mark = make("mark", labelClass(label), chars.slice(start, end).join(""), tag);
      mark.title = [names.labels[label] ?? label, ...(known ? [`اطمینان ${percent(score)}`] : [])].join("، ");
      pieces.push(chars.slice(cursor, start).join(""), mark);
      cursor = end;
    }
    pieces.push(chars.slice(cursor).join(""));
    at("marked").replaceChildren(...pieces);
    at("scored").hidden = entities.every(({ score }) => score === undefined);
  };

  const showLegend = (entities) => {
    const counts = new Map(Object.keys(names.labels).map((label) => [label, 0]));
    for (const { label } of entities) counts.set(label, (counts.get(label) ?? 0) + 1);
    const items = [...counts].filter(([, count]) => count).map(([label, count]) =>
      make("li", "", make("span", `badge ${labelClass(label)}`, ltr(label)), ` ${names.labels[label] ?? ""} `, ltr(whole(count))));
    at("legend").replaceChildren(...(items.length ? items : [make("li", "", "هیچ موجودیتی یافت نشد.")]));
  };

  const showDates = (entities) => {
    const rows = entities.filter((entity) => entity.date_details).map((entity) => {
      const { calendar, granularity, reason, flags } = entity.date_details;
      const notes = [...(reason ? [names.reasons[reason]] : []), ...flags.map((flag) => names.flags[flag])];
      const cells = [
        ["عبارت", make("mark", labelClass(entity.label), entity.text)],
        ["بازه میلادی", entity.date ? ltr(entity.date.replace("/", " / ")) : ""],
        ["برابر شمسی", entity.date ? toSolar(entity.date) : ""],
        ["تقویم عبارت", calendar ? names.calendars[calendar] : ""],
        ["یکا", granularity ? names.granularities[granularity] : ""],
        ["توضیح", notes.join("؛ ")],
      ];
      return make("tr", "", ...cells.map(([name, content]) => {
        const cell = content === "" ? make("td", "") : make("td", "", content);
        cell.dataset.name = name;
        if (name === "توضیح") cell.className = "notes";
        return cell;
      }));
    });
    at("dates").querySelector("tbody").replaceChildren(...rows);
    const noted = rows.some((row) => row.lastChild.textContent);
    for (const cell of at("dates").querySelectorAll(".notes")) cell.hidden = !noted;
    at("dates").hidden = rows.length === 0;
  };

  const showError = (message) => {
    at("error").textContent = message;
    at("error").hidden = message === "";
    if (message) text.setAttribute("aria-invalid", "true");
    else text.removeAttribute("aria-invalid");
  };

  const tooLong = (count) => `متن ${whole(count)} نویسه دارد؛ بیش از ${whole(maxChars)} نویسه پذیرفته نمی‌شود.`;

  const explain = (status, detail) => {
    const [fault] = Array.isArray(detail) ? detail : [];
    if (status === 413) return tooLong(countChars(text.value));
    if (status === 422 && fault?.where === "publication_date") return "تاریخ انتشار درست نیست.";
    if (status === 422 && fault?.type === "string_unicode") return "متن نویسه‌ای نیمه‌کاره دارد (surrogate تنها).";
    if (status === 503) return "سرور سرگرم متن‌های دیگر است؛ کمی بعد دوباره بفرستید.";
    if (fault?.type === "pipeline_failed") return "مدل از پس این متن برنیامد.";
    return `سرور پاسخی نداد که این صفحه بفهمد (${status}).`;
  };

  const ask = async (request, signal) => {
    let response;
    try {
      response = await fetch("ner", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
        signal,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("سرور در دسترس نیست.");
    }
    const content = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(explain(response.status, content.detail));
    return content;
  };

  const submit = async (event) => {
    event.preventDefault();
    const sent = text.value;
    const count = countChars(sent);
    if (!sent.trim() || count > maxChars || !published.validity.valid) {
      showError(!sent.trim() ? "متنی وارد نشده است." : count > maxChars ? tooLong(count) : "تاریخ انتشار درست نیست.");
      (sent.trim() && count <= maxChars ? published : text).focus();
      return;
    }
    showError("");
    running?.abort();
    const own = (running = new AbortController());
    form.setAttribute("aria-busy", "true");
    at("status").textContent = "در حال شناسایی…";
    try {
      const request = { text: sent, ...(published.value && { publication_date: published.value }) };
      const found = await ask(request, own.signal);
      if (own !== running) return;
      answer = { ...request, ...found };
      showMarked([...sent], found.entities);
      showLegend(found.entities);
      showDates(found.entities);
      at("copied").textContent = "";
      at("result").hidden = false;
      at("status").textContent = `${whole(found.entities.length)} موجودیت یافت شد.`;
      at("found").focus({ preventScroll: true });
      at("result").scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (own !== running) return;
      at("result").hidden = true;
      at("status").textContent = "";
      showError(error.message);
    } finally {
      if (own === running) form.removeAttribute("aria-busy");
    }
  };

  const update = () => {
    const count = countChars(text.value);
    at("count").replaceChildren(ltr(whole(count)), " از ", ltr(whole(maxChars)), " نویسه");
    at("jalali").textContent = published.value ? `برابر ${toSolar(published.value)}` : "";
  };

  const asJson = () => JSON.stringify(answer, null, 2) + "\n";

  form.addEventListener("submit", submit);
  form.addEventListener("input", update);
  form.addEventListener("reset", () => {
    running?.abort();
    running = null;
    form.removeAttribute("aria-busy");
    showError("");
    at("status").textContent = "";
    at("result").hidden = true;
    setTimeout(() => {
      update(); // once the fields are empty
      text.focus();
    });
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  at("example").addEventListener("click", () => {
    text.value = EXAMPLE.text;
    published.value = EXAMPLE.published;
    update();
    form.requestSubmit();
  });
  at("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([asJson()], { type: "application/json" }));
    link.download = "entities.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  at("copy").hidden = !navigator.clipboard; // which browsers have over HTTPS and on this machine only
  at("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(asJson());
      at("copied").textContent = "رونوشت برداشته شد.";
    } catch {
      at("copied").textContent = "مرورگر اجازه رونوشت نداد.";
    }
  });
  update(); // a reloaded page keeps the fields' values
})();
