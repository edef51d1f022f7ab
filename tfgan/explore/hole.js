// A canvas in the size of the generator's images, on which one paints a hole. At the end of a stroke it tells the hole's pixels.
let hole = new Set(), last = null;
const canvas = () => element.querySelector("canvas");

function begin() {
    hole = new Set();
    if (!canvas()) return;
    const picture = new Image(), paper = canvas();
    picture.onload = () => paper.getContext("2d").drawImage(picture, 0, 0);
    picture.src = paper.dataset.picture;
}

function place(event) {
    const paper = canvas(), box = paper.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * paper.width, (event.clientY - box.top) / box.height * paper.height];
}

function dab(x, y) {
    const paper = canvas(), radius = paper.width * 0.08, brush = paper.getContext("2d");
    brush.fillStyle = "rgb(236, 72, 153)";
    for (let row = Math.max(0, Math.floor(y - radius)); row < Math.min(paper.height, y + radius); row++) {
        for (let column = Math.max(0, Math.floor(x - radius)); column < Math.min(paper.width, x + radius); column++) {
            if (Math.hypot(column + 0.5 - x, row + 0.5 - y) > radius) continue;
            hole.add(row * paper.width + column);
            brush.fillRect(column, row, 1, 1);
        }
    }
}

function stroke(event) {
    const [x, y] = place(event), [fromX, fromY] = last, steps = Math.ceil(Math.hypot(x - fromX, y - fromY));
    for (let step = 0; step <= steps; step++) {
        const share = steps ? step / steps : 0;
        dab(fromX + share * (x - fromX), fromY + share * (y - fromY));
    }
    last = [x, y];
}

element.addEventListener("pointerdown", event => {
    if (event.target !== canvas()) return;
    event.target.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(event);
});
element.addEventListener("pointermove", event => { if (last) stroke(event); });
for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, () => {
        if (last) trigger("input", {hole: [...hole]});
        last = null;
    });
}
begin();
watch("value", begin);
