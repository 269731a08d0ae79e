namespace Aperture.Workshop;

/// <summary>What heads differ in.</summary>
public enum HeadAttribute
{
    /// <summary>A man or a woman: chin, lips and brows.</summary>
    Person,

    /// <summary>Colour of the skin.</summary>
    Skin,

    /// <summary>Colour of hair, brows and beard.</summary>
    HairColor,

    /// <summary>Length of the hair.</summary>
    HairLength,

    /// <summary>Whether there are glasses.</summary>
    Glasses,

    /// <summary>Whether there is a beard.</summary>
    Beard,

    /// <summary>Whether there is a hat.</summary>
    Hat,

    /// <summary>Colour of the wall behind.</summary>
    Wall,
}
