// A pad to draw on. Its value is what is drawn, as the address of a PNG, or "" where it is empty. It tells `input` while one draws
// and at the end of a stroke, and after that `submit`, again and again for a while, so that the search goes on.
const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d"), wide = canvas.width;
const EVERY_MS = 200, FURTHER = 12, SETTLED_MS = 30;  // between events; how many follow a stroke; before its end is told
let last = null, sent = 0, waiting = null;

function blank() {
    pen.fillStyle = canvas.dataset.paper;
    pen.fillRect(0, 0, wide, wide);
}

function choose(colour) {
    pen.strokeStyle = colour;
    for (const each of element.querySelectorAll("[data-pen]")) each.ariaPressed = String(each.dataset.pen === colour);
}

function place(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * wide, (event.clientY - box.top) / box.height * wide];
}

function stroke(event) {
    const [x, y] = place(event);
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(x, y + 0.01);  // so that a tap leaves a dot
    pen.stroke();
    last = [x, y];
    if (performance.now() - sent > EVERY_MS) tell();
}

function tell() {
    sent = performance.now();
    props.value = canvas.toDataURL();
    trigger("input");
}

function rest() {
    clearInterval(waiting);
    waiting = null;
}

function goOn() {
    let left = FURTHER;
    waiting = setInterval(() => left-- > 0 ? trigger("submit") : rest(), EVERY_MS);
}

canvas.addEventListener("pointerdown", event => {
    if (!event.isPrimary) return;
    rest();
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(event);
});
canvas.addEventListener("pointermove", event => { if (last && event.isPrimary) stroke(event); });
for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
        if (!last) return;
        last = null;
        setTimeout(tell, SETTLED_MS);  // of two events at once the page might keep the first
        goOn();
    });
}
element.addEventListener("click", event => {
    if (event.target.dataset.pen) choose(event.target.dataset.pen);
    if ("clear" in event.target.dataset) {
        blank();
        rest();
        props.value = "";
        trigger("input");
    }
});
document.addEventListener("click", event => { if (!element.contains(event.target)) rest(); }, true);  // what was clicked goes first
watch("value", () => { if (!props.value) { blank(); rest(); } });  // another picture has come
pen.lineCap = pen.lineJoin = "round";
pen.lineWidth = wide * 0.085;
blank();
choose(canvas.dataset.first);
