"use strict";
// Shows the thumbnail of the image under the pointer, or next to it by the arrow keys, on every plane of a map.
(() => {
  const REACH = 60, RING = 16, SIZE = 220, SIDE = 1040;

  for (const map of document.querySelectorAll(".map")) {
    const own = JSON.parse(map.dataset.map);
    const shared = JSON.parse(document.getElementById(map.dataset.shared).dataset.points);
    const perSheet = shared.columns * shared.rows;
    const planes = [...map.querySelectorAll(".plane")];
    const caption = map.querySelector(".picked");
    const wrong = own.wrong
      ?? (own.predicted ?? []).flatMap((answer, place) => (answer === shared.labels[place] ? [] : [place]));
    let picked = -1;

    const pick = (place) => {
      if (place < 0 || place === picked) return;
      picked = place;
      const inSheet = place % perSheet;
      const left = (inSheet % shared.columns) * shared.width;
      const top = Math.floor(inSheet / shared.columns) * shared.height;
      planes.forEach((plane, number) => {
        const [x, y] = own.planes[number][place];
        const mark = plane.querySelector(".pick");
        const ring = mark.querySelector("circle");
        ring.setAttribute("cx", x);
        ring.setAttribute("cy", y);
        const thumbnail = mark.querySelector("svg");
        const height = SIZE * Math.min(1, shared.height / shared.width);
        const width = SIZE * Math.min(1, shared.width / shared.height);
        const corner = [x + 2 * RING + width > SIDE ? x - 2 * RING - width : x + 2 * RING,
          y + 2 * RING + height > SIDE ? y - 2 * RING - height : y + 2 * RING];
        for (const box of [thumbnail, mark.querySelector("rect")]) {
          box.setAttribute("x", corner[0]);
          box.setAttribute("y", corner[1]);
          box.setAttribute("width", width);
          box.setAttribute("height", height);
        }
        thumbnail.setAttribute("viewBox", `${left} ${top} ${shared.width} ${shared.height}`);
        thumbnail.querySelector("use").setAttribute("href", `#${shared.key}-${Math.floor(place / perSheet)}`);
        mark.removeAttribute("visibility");
      });
      if (own.captions) {
        caption.textContent = `${own.captions[place]} · ${shared.ids[place]}`;
        return;
      }
      const label = shared.classes[shared.labels[place]];
      if (own.groups) {
        const shown = [own.names[own.groups[place]] ?? "in no cluster", label, shared.ids[place]];
        caption.textContent = shown.filter((part) => part !== undefined).join(" · ");
        return;
      }
      const answer = shared.classes[own.predicted[place]];
      const sure = `${(100 * own.confidence[place]).toFixed(1)}%`;
      const verdict = own.predicted[place] === shared.labels[place] ? "right" : "wrong";
      caption.textContent = `${label}, predicted as ${answer} (${sure}): ${verdict} · ${shared.ids[place]}`;
    };

    const nearest = (number, x, y, fits = () => true) => {
      let best = -1, least = Infinity;
      own.planes[number].forEach(([px, py], place) => {
        const distance = Math.hypot(px - x, py - y);
        if (distance < least && fits(px - x, py - y, place)) [best, least] = [place, distance];
      });
      return [best, least];
    };

    const ways = {
      ArrowLeft: (dx, dy) => dx < 0 && -dx >= Math.abs(dy),
      ArrowRight: (dx, dy) => dx > 0 && dx >= Math.abs(dy),
      ArrowUp: (dx, dy) => dy < 0 && -dy >= Math.abs(dx),
      ArrowDown: (dx, dy) => dy > 0 && dy >= Math.abs(dx),
    };
    planes.forEach((plane, number) => {
      plane.setAttribute("tabindex", "0");
      const point = (event) => {
        const frame = plane.getBoundingClientRect();
        const scale = SIDE / frame.width;
        const [place, distance] = nearest(number, (event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale);
        if (distance < REACH) pick(place);
      };
      plane.addEventListener("pointermove", point);
      plane.addEventListener("pointerdown", point);
      plane.addEventListener("keydown", (event) => {
        const way = ways[event.key];
        if (!way) return;
        event.preventDefault();
        const [x, y] = picked < 0 ? [SIDE / 2, SIDE / 2] : own.planes[number][picked];
        pick(nearest(number, x, y, picked < 0 ? undefined : way)[0]);
      });
    });

    const step = (by) => {
      const at = wrong.indexOf(picked);
      const next = at < 0 && by < 0 ? -1 : at + by;
      pick(wrong[(next + wrong.length) % wrong.length]);
    };
    map.querySelectorAll("button").forEach((button, number) => {
      button.hidden = wrong.length === 0;
      button.addEventListener("click", () => step(number ? 1 : -1));
    });
  }
})();
