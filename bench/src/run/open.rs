//! The messages of one producer that have no answer yet, by their tickets. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use corelog_client::producer::Ticket;

/// A message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenMessage {
    /// When it was meant to be sent.
    pub(super) intended: Duration,
    /// When it was given to the producer.
    pub(super) sent: Duration,
    /// Bytes of its key and value.
    pub(super) bytes: u32,
}

/// Messages in the order of their tickets, which have no gaps. Bounded by the memory of the
/// producer: it takes no message for which it has no room.
#[derive(Debug, Default)]
pub(super) struct OpenMessages {
    first: u64,
    messages: VecDeque<Option<OpenMessage>>,
    count: usize,
}

impl OpenMessages {
    /// Adds the next message.
    pub(super) fn push(&mut self, ticket: Ticket, message: OpenMessage) {
        let next = self.first + self.messages.len() as u64;
        assert!(ticket.0 == next, "tickets have no gaps: {} after {next}", ticket.0);
        self.messages.push_back(Some(message));
        self.count += 1;
    }

    /// Takes out a message that has its answer.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<OpenMessage> {
        let place = usize::try_from(ticket.0.checked_sub(self.first)?).ok()?;
        let message = self.messages.get_mut(place)?.take()?;
        self.count -= 1;
        while let Some(None) = self.messages.front() {
            self.messages.pop_front();
            self.first += 1;
        }
        Some(message)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes out all of them.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = OpenMessage> {
        self.count = 0;
        self.messages.drain(..).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64) -> OpenMessage {
        let sent = Duration::from_millis(number);
        OpenMessage { intended: sent, sent, bytes: 1 }
    }

    #[test]
    fn answers_in_any_order_find_their_messages_once() {
        let mut open = OpenMessages::default();
        (0..4).for_each(|number| open.push(Ticket(number), message(number)));
        assert_eq!(open.take(Ticket(2)), Some(message(2)));
        assert_eq!((open.take(Ticket(2)), open.take(Ticket(9))), (None, None));
        assert_eq!(open.take(Ticket(0)), Some(message(0)));
        assert_eq!((open.first, open.count()), (1, 2));
        assert_eq!(open.take(Ticket(1)), Some(message(1)));
        assert_eq!(open.first, 3);
        open.push(Ticket(4), message(4));
        assert_eq!(open.drain().collect::<Vec<_>>(), [message(3), message(4)]);
        assert_eq!(open.count(), 0);
    }
}
