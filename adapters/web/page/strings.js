// The page's own few words. Sentences about jobs come from the bot, in the person's language.

const en = {
  title: "Pictures from words",
  welcome: "What shall I draw?",
  earlier: "Earlier pictures",
  conversation: "Conversation",
  prompt: "Prompt",
  placeholder: "Describe a picture…",
  attach: "Attach a picture",
  detach: "Remove the attached picture",
  attached: "Attached picture",
  enhance: "Enhance",
  steps: "Steps",
  cfg: "CFG",
  send: "Send",
  viewer: "Picture in full size",
  download: "Download",
  close: "Close",
  dismiss: "Dismiss",
  enlarge: "Show in full size",
  reveal: "Spoiler: click to show",
  from: "from #{job}",
  progress: "Progress",
  expected: "Expected {when}",
  sending: "Sending…",
  reconnecting: "Reconnecting…",
  unreachable: "The bot cannot be reached. Is it running?",
  notPicture: "That file is not a picture.",
  failed: "Something went wrong on the way; please try again.",
  tooLarge: "That picture is too large; the limit is {limit} MB.",
  tooLargeOnTheWay: "That is larger than the server in front of the bot lets through.",
  again: "Put it back into the text box",
};

const zh = {
  title: "以文绘画",
  welcome: "想画什么？",
  earlier: "更早的图片",
  conversation: "对话",
  prompt: "提示词",
  placeholder: "描述一幅画面…",
  attach: "添加图片",
  detach: "移除图片",
  attached: "已添加的图片",
  enhance: "增强",
  steps: "步数",
  cfg: "CFG",
  send: "发送",
  viewer: "查看大图",
  download: "下载",
  close: "关闭",
  dismiss: "关闭提示",
  enlarge: "查看大图",
  reveal: "剧透内容，点击显示",
  from: "来自 #{job}",
  progress: "进度",
  expected: "预计{when}完成",
  sending: "发送中…",
  reconnecting: "正在重新连接…",
  unreachable: "无法连接机器人，它在运行吗？",
  notPicture: "这个文件不是图片。",
  failed: "途中出了点问题，请重试。",
  tooLarge: "图片太大，上限是 {limit} MB。",
  tooLargeOnTheWay: "内容太大，机器人前面的服务器不让通过。",
  again: "放回输入框",
};

export const locale = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
export const strings = locale === "zh" ? zh : en;

/** Put the strings where the page's elements ask for them. */
export function localize(root = document) {
  document.documentElement.lang = locale === "zh" ? "zh-CN" : "en";
  document.title = strings.title;
  for (const el of root.querySelectorAll("[data-text]")) el.textContent = strings[el.dataset.text];
  for (const el of root.querySelectorAll("[data-label]")) {
    el.setAttribute("aria-label", strings[el.dataset.label]);
    if (el.tagName === "BUTTON") el.title = strings[el.dataset.label];
  }
  for (const el of root.querySelectorAll("[data-placeholder]")) el.placeholder = strings[el.dataset.placeholder];
}
