// Before anything is drawn: the theme that somebody chose in the menu.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
