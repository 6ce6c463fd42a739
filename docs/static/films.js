// Films that can be paused: a button and a slider below every animated GIF of a page.
//
// Browsers offer neither for a GIF, so its frames are drawn on a canvas. One that cannot take a GIF
// apart (ImageDecoder) has the button alone, and a paused film shows its first frame there. Who
// prefers reduced motion finds all films paused on their last frame.

const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

function addControls(image) {
  const film = document.createElement("div");
  const canvas = document.createElement("canvas");
  const button = document.createElement("button");
  film.className = "film";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", image.alt);
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  button.type = "button";
  name(button, !still);
  image.replaceWith(film);
  film.append(canvas, button);
  return { film, canvas, button, brush: canvas.getContext("2d") };
}

function name(button, plays) {
  button.textContent = plays ? "Pause" : "Play";
}

async function showFrames({ film, canvas, button, brush }, data) {
  const decoder = new ImageDecoder({ data, type: "image/gif" });
  await decoder.completed;
  await decoder.tracks.ready;
  const last = decoder.tracks.selectedTrack.frameCount - 1;
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: last });
  slider.setAttribute("aria-label", "Frame");
  film.append(slider);
  let plays = !still;
  let timer;

  async function show(frame) {
    clearTimeout(timer);
    slider.value = frame;
    const { image } = await decoder.decode({ frameIndex: frame });
    brush.drawImage(image, 0, 0);
    clearTimeout(timer);
    const next = frame < last ? frame + 1 : 0;
    if (plays) timer = setTimeout(() => show(next), image.duration / 1000);
    image.close();
  }

  function play(wanted) {
    plays = wanted;
    name(button, plays);
    const frame = Number(slider.value);
    return show(plays && frame === last ? 0 : frame);
  }

  button.addEventListener("click", () => play(!plays));
  slider.addEventListener("input", () => play(false));
  slider.value = still ? last : 0;
  await play(plays);
}

function showWhole({ film, canvas, button, brush }, image) {
  const play = (plays) => {
    brush.drawImage(image, 0, 0);
    image.hidden = !plays;
    canvas.hidden = plays;
    name(button, plays);
  };
  film.prepend(image);
  button.addEventListener("click", () => play(image.hidden));
  play(!still);
}

for (const image of document.querySelectorAll("article img[src^='data:image/gif']")) {
  image.decode().then(async () => {
    const parts = addControls(image);
    if ("ImageDecoder" in window) {
      const data = await (await fetch(image.src)).arrayBuffer();
      await showFrames(parts, data);
    } else {
      showWhole(parts, image);
    }
  });
}
