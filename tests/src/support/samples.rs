//! What channels deliver, written for the tests.

/// A short mail from Grace.
pub fn mail(id: &str, subject: &str, text: &str) -> String {
    format!(
        "From: Grace Example <grace@example.org>\r\nTo: support@example.com\r\nSubject: {subject}\r\n\
         Message-ID: <{id}@example.org>\r\nDate: Mon, 2 Mar 2026 08:59:00 +0000\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    )
}

/// An answer to a mail.
pub fn mail_answer(id: &str, to: &str, text: &str) -> String {
    let headers = format!("In-Reply-To: <{to}@example.org>\r\nReferences: <{to}@example.org>\r\nTo:");
    mail(id, "Re: the kettle", text).replacen("To:", &headers, 1)
}

/// A CloudEvent in structured mode with this type and data.
pub fn event(id: &str, kind: &str, data: serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "specversion": "1.0", "id": id, "source": "https://shop.example.com", "type": kind,
        "datacontenttype": "application/json", "data": data,
    })
}
