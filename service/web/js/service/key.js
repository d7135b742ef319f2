/** The API key, where the service wants one: asked for when it is missed, and kept in this tab only. */

const PLACE = "earshot.key";
const asking = new EventTarget();

/** The key that was given. */
export const keyIfAny = () => sessionStorage.getItem(PLACE);

/** It was wrong. */
export const forgetKey = () => sessionStorage.removeItem(PLACE);

/** Ask for one. */
export const needKey = () => asking.dispatchEvent(new Event("needed"));

/** Show the field above an element when a key is needed, and go on when it is there. */
export function onKeyNeeded(place, goOn) {
  asking.addEventListener("needed", () => {
    if (place.querySelector("form.key")) return;
    const form = document.getElementById("key-form").content.cloneNode(true).querySelector("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(PLACE, form.querySelector("input").value);
      form.remove();
      goOn();
    });
    place.prepend(form);
    form.querySelector("input").focus();
  });
}
