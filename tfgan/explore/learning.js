// The slider over a run's moments. It asks for the grid and the numbers of its place, and for what is new while the run is trained.
const EVERY_MS = 1000;
const find = name => element.querySelector(name), slider = find("input"), picture = find("img");
let moments = [], at = null, asking = false, timer;  // at: the slider's iteration; null: the newest, whichever that is
const newest = () => moments.at(-1) ?? 0, here = () => at ?? newest();

function place() {  // the slider, and the marks on the curves
    slider.max = Math.max(0, moments.length - 1);
    slider.value = moments.findLastIndex(each => each <= here());
    slider.ariaValueText = `iteration ${here()}`;
    for (const mark of element.querySelectorAll(".tfgan-mark")) {
        const x = mark.ownerSVGElement.viewBox.baseVal.width * here() / Math.max(1, newest());
        mark.setAttribute("x1", x);
        mark.setAttribute("x2", x);
    }
}

function fill(answer) {
    find("strong").textContent = answer ? answer.now : "There is no answer: the command that serves this page has ended.";
    if (!answer?.values) return;
    picture.hidden = !answer.picture;
    if (answer.picture) picture.src = answer.picture;
    find("figcaption").textContent = answer.caption;
    for (const each of element.querySelectorAll("[data-measure]")) each.textContent = answer.values[each.dataset.measure] ?? "";
}

async function show() {  // only the latest place of the slider counts
    if (asking) return;
    asking = true;
    let asked;
    do fill(await server.show(asked = here())); while (asked !== here());
    asking = false;
}

async function follow() {
    clearTimeout(timer);
    if (!element.offsetParent) return;  // another tab is open
    const asked = at, answer = await server.look(asked);
    if (answer?.moments) {
        moments = answer.moments;
        if (at > newest()) at = null;  // the run was started over
        find(".tfgan-now span").hidden = !answer.training;
        find(".tfgan-charts").innerHTML = answer.charts;
        place();
        clearTimeout(timer);
        if (answer.training) timer = setTimeout(follow, EVERY_MS);
    }
    if (asked === at) fill(answer);
    else show();
}

slider.addEventListener("input", () => {
    at = slider.value === slider.max ? null : moments[slider.value];
    place();
    show();
});
new IntersectionObserver(seen => { if (seen.at(-1).isIntersecting) follow(); }).observe(element);
window.addEventListener("focus", follow);  // the user may have begun to train the run meanwhile
