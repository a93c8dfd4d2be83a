// The page's own words, as the server put them into it. Sentences about jobs come with the answers.

export const strings = JSON.parse(document.getElementById("strings").textContent);
