//! Appends `system` and `messages`.

use super::super::blocks::InIr;
use super::super::kept::Kept;
use super::super::turns::{Item, Turn, Turns, is_sent, keeps_signatures};
use super::super::write_input;
use super::breakpoints::{self, Breakpoints};
use super::call_ids::CallIds;
use super::plain_text;
use crate::dialect::{Target, Unsupported};
use crate::ir::{
    Concept, Family, File, FileSource, Form, Image, ImageSource, Loss, Part, Request, Role, ToolCall, ToolResult,
};
use crate::json::Writer;
use crate::media;
use std::borrow::Cow;

/// Appends both members.
pub(super) fn write(
    request: &Request<'_>,
    turns: &Turns<'_, '_>,
    target: &Target<'_>,
    loss: &mut Loss,
    writer: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    let native = request.family == Family::Anthropic;
    let mut content = Content {
        request,
        target,
        native,
        kept: Kept::new(request),
        breakpoints: Breakpoints::of(request),
        ids: CallIds::default(),
        loss,
        writer,
    };
    if !turns.system.is_empty() {
        content.writer.key("system");
        content.items(&[], &turns.system)?;
    }
    content.writer.key("messages");
    content.writer.begin_array();
    let last = turns.turns.len().wrapping_sub(1);
    for (index, turn) in turns.turns.iter().enumerate() {
        content.turn(turn, index == last)?;
    }
    content.writer.end_array();
    content.report_names();
    Ok(())
}

struct Content<'c, 'w, 'a> {
    request: &'c Request<'a>,
    target: &'c Target<'c>,
    native: bool,
    kept: Kept<'c>,
    breakpoints: Breakpoints,
    ids: CallIds,
    loss: &'c mut Loss,
    writer: &'c mut Writer<'w>,
}

impl Content<'_, '_, '_> {
    fn turn(&mut self, turn: &Turn<'_, '_>, last: bool) -> Result<(), Unsupported> {
        self.writer.begin_object();
        let role = match turn.role {
            Role::Assistant => "assistant",
            Role::System | Role::Developer => "system",
            Role::User | Role::Tool => "user",
        };
        self.writer.string_member("role", role);
        self.writer.key("content");
        // The beginning of an answer that the model is to continue must not end in white space.
        let trimmed = match turn.items.last().map(|item| item.part) {
            Some(Part::Text { text, cache_control }) if last && !self.native && turn.role == Role::Assistant => {
                Some(Part::Text { text: Cow::Borrowed(text.trim_end()), cache_control: *cache_control })
            }
            _ => None,
        };
        match &trimmed {
            Some(part) => {
                let mut items = turn.items.clone();
                if let Some(last) = items.last_mut() {
                    *last = Item { part, ..*last };
                }
                self.items(&turn.results, &items)?;
            }
            None => self.items(&turn.results, &turn.items)?,
        }
        for extra in &turn.extra {
            self.writer.raw_member(&extra.key, extra.value);
        }
        self.writer.end_object();
        Ok(())
    }

    /// A content: one plain text as a string, all else as blocks.
    fn items(&mut self, results: &[Item<'_, '_>], items: &[Item<'_, '_>]) -> Result<(), Unsupported> {
        if results.is_empty()
            && let [item] = items
            && let Some(text) = plain_text(item.part)
            && !self.kept.has(item.message, InIr { part: item.index, inner: None })
            && !self.breakpoints.has(item.message, item.index)
        {
            self.writer.string(text);
            return Ok(());
        }
        self.writer.begin_array();
        for item in results.iter().chain(items) {
            self.part(item.part, item.message, InIr { part: item.index, inner: None })?;
        }
        self.writer.end_array();
        Ok(())
    }

    fn refuse<T>(&self, message: usize, place: InIr, what: &str) -> Result<T, Unsupported> {
        Err(Unsupported {
            concept: Concept::Messages,
            // A list of items has other places.
            path: (self.request.form == Form::Messages).then(|| format!("messages[{message}].{place}")),
            reason: format!("{what} by the {} backend", self.target.backend),
        })
    }

    fn part(&mut self, part: &Part<'_>, message: usize, place: InIr) -> Result<(), Unsupported> {
        if let Part::Opaque(opaque) = part {
            if !self.native {
                let what = format!("content of type {} is not taken", opaque.kind);
                return self.refuse(message, place, &what);
            }
            self.writer.raw(opaque.raw);
            return Ok(());
        }
        if matches!(part, Part::Audio(_)) {
            return self.refuse(message, place, "sound is not taken");
        }
        self.writer.begin_object();
        match part {
            Part::Text { text, cache_control } => {
                self.writer.string_member("type", "text");
                self.writer.string_member("text", text);
                if let Some(mark) = cache_control {
                    self.writer.raw_member("cache_control", *mark);
                }
            }
            Part::Refusal { text } => {
                self.writer.string_member("type", "text");
                self.writer.string_member("text", text);
            }
            Part::Reasoning { text, signature } => {
                self.writer.string_member("type", "thinking");
                self.writer.string_member("thinking", text);
                self.writer.string_member("signature", signature.as_deref().unwrap_or_default());
            }
            Part::RedactedReasoning { data } => {
                self.writer.string_member("type", "redacted_thinking");
                self.writer.string_member("data", data);
            }
            Part::Image(image) => self.image(image, message, place)?,
            Part::File(file) => self.file(file, message, place)?,
            Part::ToolCall(call) => self.call(call),
            Part::ToolResult(result) => self.result(result, message, place)?,
            Part::Audio(_) | Part::Opaque(_) => {}
        }
        if place.inner.is_none() && self.breakpoints.has(message, place.part) {
            self.writer.json_member("cache_control", breakpoints::MARK);
        }
        self.kept.write(message, place, self.writer);
        self.writer.end_object();
        Ok(())
    }

    fn source_rest(&mut self, message: usize, place: InIr) {
        self.kept.write(message, format_args!("{place}.source"), self.writer);
    }

    fn image(&mut self, image: &Image<'_>, message: usize, place: InIr) -> Result<(), Unsupported> {
        if let Some(detail) = image.detail.as_ref().filter(|detail| *detail != "auto") {
            self.loss.at("image_url.detail", detail.as_bytes());
        }
        self.writer.string_member("type", "image");
        match &image.source {
            ImageSource::Base64 { media_type, data } => self.inline_image(media_type, data, message, place),
            ImageSource::Url(url) => match media::split_data_url(url) {
                Some((media_type, data)) => self.inline_image(media_type, data, message, place),
                None if url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) => {
                    self.refuse(message, place, "a data URL that is not base64 is not taken")
                }
                None => {
                    self.source("url", "url", url, message, place);
                    Ok(())
                }
            },
            ImageSource::FileId(id) if self.native => {
                self.source("file", "file_id", id, message, place);
                Ok(())
            }
            ImageSource::FileId(_) => self.refuse(message, place, "files stored with another provider are not known"),
        }
    }

    /// A picture in the request. The API takes four kinds (SDK 2.11.0, `base64_image_source_param.py`).
    fn inline_image(&mut self, said: &str, data: &str, message: usize, place: InIr) -> Result<(), Unsupported> {
        const TAKEN: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
        let seen = media::sniff_base64(data).filter(|seen| TAKEN.contains(seen));
        let media_type = match said {
            _ if self.native => said,
            "image/jpg" => "image/jpeg",
            _ => seen.unwrap_or(said),
        };
        if !self.native && !TAKEN.contains(&media_type) {
            let what = format!("pictures of type \"{media_type}\" are not taken");
            return self.refuse(message, place, &what);
        }
        self.inline(media_type, data, message, place);
        Ok(())
    }

    /// `source` of base64 data.
    fn inline(&mut self, media_type: &str, data: &str, message: usize, place: InIr) {
        self.writer.key("source");
        self.writer.begin_object();
        self.writer.string_member("type", "base64");
        self.writer.string_member("media_type", media_type);
        self.writer.string_member("data", data);
        self.source_rest(message, place);
        self.writer.end_object();
    }

    /// `source` that points elsewhere.
    fn source(&mut self, kind: &str, key: &str, value: &str, message: usize, place: InIr) {
        self.writer.key("source");
        self.writer.begin_object();
        self.writer.string_member("type", kind);
        self.writer.string_member(key, value);
        self.source_rest(message, place);
        self.writer.end_object();
    }

    fn file(&mut self, file: &File<'_>, message: usize, place: InIr) -> Result<(), Unsupported> {
        if let FileSource::Base64 { media_type, data } = &file.source
            && !self.native
        {
            return self.foreign_file(file, media_type, data, message, place);
        }
        self.writer.string_member("type", "document");
        match &file.source {
            FileSource::Base64 { media_type, data } => self.inline(media_type, data, message, place),
            FileSource::Text(text) => self.text_source(text, message, place),
            FileSource::Url(url) => self.source("url", "url", url, message, place),
            FileSource::FileId(id) if self.native => self.source("file", "file_id", id, message, place),
            FileSource::FileId(_) => {
                return self.refuse(message, place, "files stored with another provider are not known");
            }
        }
        self.title(file);
        Ok(())
    }

    /// A document of any type that other dialects let through: PDF and text are taken, pictures are pictures.
    fn foreign_file(
        &mut self,
        file: &File<'_>,
        said: &str,
        data: &str,
        message: usize,
        place: InIr,
    ) -> Result<(), Unsupported> {
        let media_type = media::sniff_base64(data).unwrap_or(said);
        if media_type.starts_with("image/") {
            self.writer.string_member("type", "image");
            return self.inline_image(media_type, data, message, place);
        }
        self.writer.string_member("type", "document");
        if media_type == "application/pdf" {
            self.inline(media_type, data, message, place);
        } else {
            let text = Some(media_type)
                .filter(|media_type| media_type.starts_with("text/") || *media_type == "application/json")
                .and_then(|_| base64_simd::STANDARD.decode_to_vec(data).ok())
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(text) = text else {
                let what = format!("files of type \"{media_type}\" are not taken");
                return self.refuse(message, place, &what);
            };
            self.text_source(&text, message, place);
        }
        self.title(file);
        Ok(())
    }

    fn text_source(&mut self, text: &str, message: usize, place: InIr) {
        self.writer.key("source");
        self.writer.begin_object();
        self.writer.string_member("type", "text");
        self.writer.string_member("media_type", "text/plain");
        self.writer.string_member("data", text);
        self.source_rest(message, place);
        self.writer.end_object();
    }

    fn title(&mut self, file: &File<'_>) {
        if let Some(name) = &file.name {
            self.writer.string_member("title", name);
        }
    }

    fn call(&mut self, call: &ToolCall<'_>) {
        self.writer.string_member("type", "tool_use");
        self.writer.string_member("id", &self.ids.call(&call.id));
        self.writer.string_member("name", &call.name);
        self.writer.key("input");
        write_input(&call.arguments, self.writer);
        if let Some(mark) = call.cache_control {
            self.writer.raw_member("cache_control", mark);
        }
    }

    fn result(&mut self, result: &ToolResult<'_>, message: usize, place: InIr) -> Result<(), Unsupported> {
        self.writer.string_member("type", "tool_result");
        self.writer.string_member("tool_use_id", &self.ids.result(&result.call_id));
        let parts =
            || result.parts.iter().enumerate().filter(|(_, part)| is_sent(part, keeps_signatures(self.request)));
        let only = match result.parts.as_slice() {
            [part] => plain_text(part),
            _ => None,
        };
        let inner = |inner| InIr { inner: Some(inner), ..place };
        match only {
            Some(text) if !self.kept.has(message, inner(0)) => {
                if !text.is_empty() {
                    self.writer.string_member("content", text);
                }
            }
            _ if parts().next().is_none() => {}
            _ => {
                let parts: Vec<_> = parts().collect();
                self.writer.key("content");
                self.writer.begin_array();
                for (index, part) in parts {
                    self.part(part, message, inner(index))?;
                }
                self.writer.end_array();
            }
        }
        if result.is_error {
            self.writer.bool_member("is_error", true);
        }
        if let Some(mark) = result.cache_control {
            self.writer.raw_member("cache_control", mark);
        }
        Ok(())
    }

    /// Names of speakers, thoughts that nobody signed, and unknown members of messages from elsewhere have no place
    /// here.
    fn report_names(&mut self) {
        for (index, message) in self.request.messages.iter().enumerate() {
            if message.name.is_some() && message.role != Role::Tool {
                self.loss.path(format!("messages[{index}].name"));
            }
            for part in message.parts.iter().filter(|part| !is_sent(part, self.native)) {
                match part {
                    Part::Reasoning { text, signature } => {
                        self.loss.quiet_at("messages[].thinking", text.as_bytes());
                        signature.iter().for_each(|signature| self.loss.quiet_signature(signature));
                    }
                    Part::RedactedReasoning { data } => self.loss.quiet_at("messages[].thinking", data.as_bytes()),
                    // A blank text says nothing.
                    _ => {}
                }
            }
            if !self.native {
                let lost = message.extra.iter().filter(|extra| !self.breakpoints.took(index, message, extra));
                lost.for_each(|extra| self.loss.path(extra.path.as_str()));
            }
        }
    }
}
