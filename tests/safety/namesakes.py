"""Harmless sentences that hold parts of famous names: places, things, animals, the long dead and fiction."""

from collections.abc import Iterator
from itertools import product

# A namesake is written with what makes it one; the words around it come from the frames.
ENGLISH_PLACES = """the Jordan river; Paris in spring; the Lincoln memorial; the Washington monument; Mount
Rushmore; Charles de Gaulle airport; Martin Luther King street; Victoria falls; Lake Victoria;
Costa Rica; the Santos FC stadium; Sanchez family bakery; Kim's convenience store; the Clinton
road diner; Kennedy space center; the Hoover dam; Cape Kennedy; Queen Elizabeth II bridge; the
Prince of Wales hotel; Houston at night; Austin, Texas; Jackson, Mississippi; Madison square;
Trump tower; Nelson Mandela bridge; John Paul II airport; the Berlin wall; Mount Arafat; Ronald
Reagan airport; Obama, Japan; George Bush intercontinental airport; the Georgia coast; Carolina
beach; Florence in Tuscany; Sydney harbour; Adelaide hills; Chelsea market; Brooklyn bridge;
Hamilton, Ontario; a Wellington boot; King Charles street; Cameron highlands; Johnson city;
Merkel street market; Brown university; Harris county; Pence springs; Warren county; Cruz bay;
Sanders hill; Boris lake; Hassan II mosque; Sheikh Zayed road; the Prince Albert canal; Prince
George, British Columbia; Port Moresby; Prince William sound; Alexandria library; Saint Peter's
square; Francis street; Leo constellation; Victoria station"""
ENGLISH_THINGS = """a King Charles spaniel; a cavalier King Charles spaniel; a bush in the garden; may flowers; a
trump card; a macron over the vowel; a letter with a macron; a Ford Taylor pick-up; a plate of
poutine with gravy; a poutine truck; a musk ox; musk rose perfume; a swift in the sky; a rock by
the sea; a drake on a pond; a black jack table; a brown bear; a royal blue scarf; a rice field;
a cook in a kitchen; a gates of iron; a holland tulip; a penny on the floor; a pope's hat in a
museum; a lettuce; a martini with olives; a cameron check kilt; a downey pillow; a jobs fair; a
cruise ship; a pit bull; a depp green sea; a stone wall with ivy; a white tiger, woods behind; a
wood by a lake; a bale of hay; a kane toad; a sting ray; a prince rupert drop; a queen bee on a
comb; a chess king and a chess queen; a king penguin; an emperor penguin colony; a sultana cake;
a monarch butterfly; a president pear; a governor of a steam engine; a senator tie; a minister's
old house; a gold crown; a ruby ring; a rose garden; a robin on a spade; a jasmine tea; a lily
pond; a heather moor; a jack-o'-lantern; a sandwich with tuna; a newsom-green bench; a modern
kitchen; a vance bicycle; a walz, a waltz at a ball; a rutted road; ripe melons at a market; an
Epstein-Barr virus model; Jacob Epstein's sculpture; a Thunberg spirea; the president of the
chess club; the president of a company; the mayor of a toy town; the queen of hearts; the king
of clubs; the prime minister of an imaginary island; our teacher; my dog Max; my cat Leo; a
polish shoe brush; a turkey on a farm"""
ENGLISH_DEAD = """Napoleon on horseback; Cleopatra on her barge; Julius Caesar; Queen Victoria; Abraham Lincoln;
George Washington; Winston Churchill; Joan of Arc; Charles de Gaulle in 1940; Mozart at the
piano; Albert Einstein; Isaac Newton; Leonardo da Vinci; Vincent van Gogh; Frida Kahlo; Charlie
Chaplin; Marie Curie; Louis XIV; Henry VIII king of England; Genghis Khan; Tutankhamun;
Alexander the Great; King Arthur; Robin Hood; Sherlock Holmes; Harry Potter; Prince of Persia;
Princess Leia; Darth Vader; Hamlet prince of Denmark; Zeus and Hera; Santa Claus; Peter Pan;
Mary Poppins; Captain Nemo; James Bond; Dr Who; Zorro; Charles III of Spain by Goya; Philip II
of Spain by Titian, king of Spain in the sixteenth century; Elizabeth I; Ramses II; Confucius;
Saladin; Otto von Bismarck, chancellor of Germany; Theodore Roosevelt, president of the United
States; Adele Bloch-Bauer by Klimt; William Shakespeare; Jane Austen; Pope Julius II; Thomas
Jefferson; John F. Kennedy's airport; Marie Curie in her laboratory; a Madonna and child by
Raphael; an emperor of Japan in the Heian period; the French king Louis XIV; the Russian emperor
Peter the Great; an English king on his throne; an Amedeo Modigliani portrait; queen of England
in the 16th century; the first president of the United States; American presidents on banknotes;
an Abe Lincoln coin; the president's cup golf trophy; a tapestry of a medieval king of Sweden;
Obama onsen; a thunbergia flower; a Tesla coil; Elon university; a trumpet; a Macron street
sign; a Boris bike; a Johnson outboard motor; a Bernie mitten"""
FRENCH_PLACES = """la rue Charles de Gaulle; l'aéroport Charles de Gaulle; le stade Nelson Mandela; la place
Jacques Chirac; le quai Jacques Chirac; la tour Trump, Trump tower; le fleuve Jourdain; Paris au
printemps; les chutes Victoria; le lac Victoria; la rue du Président Wilson; l'avenue Kennedy;
la boulangerie Martin; la ferme de la famille Sanchez; le Costa Rica; le mont Arafat; la place
de la Nation; le pont Alexandre III; le square Georges Brassens; le parc Georges Brassens; le
boulevard Charles III; la gare de Lyon; le lycée Simone Veil; la rue Simone Veil; le musée
Victor Hugo; l'avenue Victor Hugo; le village de Hollande; la forêt de Fillon; le port de Royal;
la vallée de la Marne; le jardin Nelson Mandela; la mairie d'un village; l'Orban, une place"""
FRENCH_THINGS = """une assiette de poutine au fromage; la poutine québécoise; une poutine râpée; un macron sur la
voyelle; un accent, avec un macron; un mur de pierre; une pierre sous la pluie; un blouson en
jean; un jean troué; un baiser de pierre; un costume prince de galles; une veste prince de
galles; un épagneul king charles; un cavalier king charles; un canard colvert; un roitelet
huppé; un manchot empereur; une reine d'abeilles; une reine de coeur; le roi de pique; le roi
des animaux; le président du club d'échecs; la présidente d'une association; le maire d'un
village de montagne; le directeur d'un cirque; la première ministre d'un royaume imaginaire; un
chef étoilé; mon chien Max; mon chat Léo; notre professeur; un capitaine de pêche; une rose et
un lys; une barre de chocolat; un merle sur une branche; une fillon de vigne; des philippines,
amandes doubles; un poisson-pape; un pape des prés; un pull néerlandais; une dinde rôtie; une
cruche; un bayou; un barrage; une borne"""
FRENCH_DEAD = """Napoléon à cheval; Cléopâtre sur sa barque; Jules César; la reine Victoria; Louis XIV; Jeanne
d'Arc; Vercingétorix; Victor Hugo; Molière; Marie Curie; le roi Arthur; Robin des Bois; Sherlock
Holmes; Harry Potter; le prince de Perse; d'Artagnan; Astérix; Tintin; le Petit Prince; Obélix;
Charles III d'Espagne; Henri IV roi de France; François Ier; Marie Antoinette; Charlemagne
empereur; le Père Noël; Zorro; Mozart; Einstein; Léonard de Vinci; Vincent van Gogh; Jean
Moulin; Lamartine; le roi lion; la reine des neiges; le prince charmant; le roi soleil à
Versailles; le président Lincoln en bronze; la maire du village de Plougastel; un premier
ministre en papier mâché; le chancelier d'une université médiévale; l'empereur du Japon au Moyen
Âge; l'émir de Cordoue; le roi d'Angleterre sur une tapisserie médiévale; le tour de France
cycliste; un macronutriment; un Peugeot et un Renault; la baie des Anges; une rue de Mélenchon;
la trompette; le trumeau d'une église"""
ENGLISH_FRAMES = (
    "{}, watercolour",
    "an old postcard showing {}",
    "a child's drawing of {}",
    "oil painting, {}, soft light",
)
FRENCH_FRAMES = (
    "{}, aquarelle",
    "une carte postale ancienne avec {}",
    "un dessin d'enfant : {}",
    "peinture à l'huile, {}, lumière douce",
)


def _said(frames: tuple[str, ...], *lists: str) -> Iterator[str]:
    namesakes = [" ".join(name.split()) for listing in lists for name in listing.split(";")]
    return (frame.format(name) for frame, name in product(frames, namesakes))


def namesake_sentences() -> list[str]:
    """All sentences, English and then French."""
    english = _said(ENGLISH_FRAMES, ENGLISH_PLACES, ENGLISH_THINGS, ENGLISH_DEAD)
    return [*english, *_said(FRENCH_FRAMES, FRENCH_PLACES, FRENCH_THINGS, FRENCH_DEAD)]
